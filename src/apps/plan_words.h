#pragma once
// A model's plan as a person reads it and as JSON.
#include <string>
#include <vector>

#include "base/json.h"
#include "model/arch.h"

namespace hearth::apps {

std::vector<std::string> plan_sentences(const model::ModelPlan& plan);
Json plan_json(const model::ModelPlan& plan);

}  // namespace hearth::apps
