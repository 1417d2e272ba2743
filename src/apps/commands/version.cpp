// hearth version: which build this is and what it computes with.
#include "apps/command.h"
#include "base/cpu_info.h"

namespace hearth::apps {

namespace {

class Version final : public Command {
 public:
  Result<void> run(const Invocation& call) override {
    const std::string features = cpu_feature_names(cpu_features());
    if (call.console.json()) {
      call.console.print_json(Json::object({{"version", HEARTH_VERSION}, {"processor", cpu_model_name()},
                                            {"cpus", granted_cpus()}, {"features", features}}));
      return {};
    }
    call.console.print(fmt::format("hearth {}\n", HEARTH_VERSION));
    if (!call.console.quiet())
      call.console.print(fmt::format("{}, {} processors granted, {}\n", cpu_model_name(), granted_cpus(),
                                     features.empty() ? "no vector extensions used" : features));
    return {};
  }
};

}  // namespace

extern const CommandFacts kVersion{.name = "version", .arguments = "", .summary = "print the version and the processor's abilities",
                                   .notes = "", .has_settings = false, .make = &make_command<Version>};

}  // namespace hearth::apps
