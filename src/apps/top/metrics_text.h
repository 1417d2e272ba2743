#pragma once
// Prometheus' text format 0.0.4, read strictly: what a line says, or an error that names the line.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hearth::apps {

struct Sample {
  std::string name;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;

  std::string_view label(std::string_view label_name) const;  // "" where absent
};

// All samples in order; comments are checked for their TYPE and left out, timestamps are dropped. Errors: kBadFile.
Result<std::vector<Sample>> parse_metrics(std::string_view text);

}  // namespace hearth::apps
