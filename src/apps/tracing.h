#pragma once
// --trace and --profile: recording where the time of a command's run goes, and telling it at the end.
#include <optional>
#include <string>

#include "apps/console.h"
#include "base/json.h"
#include "base/options/options.h"
#include "base/trace.h"

namespace hearth::apps {

class Tracing {
 public:
  void visit(options::OptionList& v);

  Trace* recorder();  // null unless asked for; lives as long as this

  // Writes the file, tells the profile on standard error. Errors: kCannotCreate.
  Result<void> finish(const Console& console) const;
  Json profile_json() const;  // null unless asked for

 private:
  std::string file_;
  bool profile_ = false;
  std::optional<Trace> trace_;
};

// One kind of step, in lines: time per step, threads that wait, and each operation's share.
std::string profile_text(const StepProfile& profile);

}  // namespace hearth::apps
