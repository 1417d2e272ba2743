// OpenAI's list of models (GET /v1/models, /v1/models/{id}).
#include <ctime>

#include "api/http/errors.h"
#include "api/services.h"

namespace hearth::api {

namespace {

std::string_view state_name(service::ModelStatus::State state) {
  static constexpr std::string_view kNames[] = {"unloaded", "loading", "loaded", "failed"};
  return kNames[static_cast<size_t>(state)];
}

Json model_json(const service::ModelStatus& model) {
  static const int64_t kStarted = std::time(nullptr);
  Json meta = Json::object({{"state", state_name(model.state)}});
  if (model.context > 0) meta.set("n_ctx", model.context);
  if (model.weight_bytes > 0) meta.set("size", model.weight_bytes);
  Json out = Json::object({{"id", model.name}, {"object", "model"}, {"created", kStarted}, {"owned_by", "hearth"}});
  if (model.context > 0) out.set("max_model_len", model.context);
  out.set("meta", std::move(meta));
  return out;
}

Response models(const Request&, Services& services) {
  Json data = Json::array();
  for (const auto& model : services.library.list()) data.push(model_json(model));
  return {.body = Json::object({{"object", "list"}, {"data", std::move(data)}}).dump()};
}

Response model(const Request& request, Services& services) {
  const auto name = services.library.resolve(request.path.substr(std::string_view("/v1/models/").size()));
  if (!name) return error_response(name.error());
  for (const auto& model : services.library.list())
    if (model.name == *name) return {.body = model_json(model).dump()};
  return error_response({ErrorCode::kNotFound, "the model is gone", {}});
}

}  // namespace

extern const Protocol kOpenaiModels{.name = "openai_models", .method = "GET", .path = "/v1/models", .answer = &models};
extern const Protocol kOpenaiModel{.name = "openai_model", .method = "GET", .path = "/v1/models/*", .answer = &model};

}  // namespace hearth::api
