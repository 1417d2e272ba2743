// Loading and unloading by hand, behind a key of its own: GET /admin/models, POST /admin/models/load and /unload {"model": ID}.
#include "api/fields.h"
#include "api/http/errors.h"
#include "api/http/limits.h"
#include "api/services.h"

namespace hearth::api {

namespace {

Response models(const Request&, Services& services) {
  Json out = Json::array();
  for (const auto& model : services.library.list())
    out.push(Json::object({{"id", model.name}, {"path", model.path}, {"users", model.users}, {"context", model.context},
                           {"weight_bytes", model.weight_bytes}, {"pages", model.stats.load.pages}, {"used_pages", model.stats.load.used_pages}}));
  return {.body = Json::object({{"models", std::move(out)}}).dump()};
}

Result<std::string> named_model(const Request& request, Services& services) {
  auto body = Json::parse(request.body, Limits().json_values);
  if (!body && body.error().code == ErrorCode::kTooLarge) return Failure(body.error());
  if (!body) return fail(ErrorCode::kInvalidArgument, "the body is no JSON: {}", body.error().text());
  Fields fields(*body);
  const auto name = fields.text("model");
  if (!name) fields.fail_at("model", "is missing; it must be the id of a model");
  HEARTH_TRY_VOID(fields.done());
  return services.library.resolve(*name);
}

// Answers at once; the model's state in the list tells when it is loaded.
Response load(const Request& request, Services& services) {
  const auto name = named_model(request, services);
  if (!name) return error_response(name.error());
  services.library.acquire(*name, [](const Result<service::ModelLease>&) {});
  return {.body = Json::object({{"status", "loading"}, {"model", *name}}).dump()};
}

Response unload(const Request& request, Services& services) {
  const auto name = named_model(request, services);
  if (!name) return error_response(name.error());
  if (const auto done = services.library.unload(*name); !done) return error_response(done.error());
  return {.body = Json::object({{"status", "unloaded"}, {"model", *name}}).dump()};
}

}  // namespace

extern const Protocol kAdminModels{.name = "admin_models", .method = "GET", .path = "/admin/models", .guard = Guard::kAdmin, .answer = &models};
extern const Protocol kAdminLoad{.name = "admin_load", .method = "POST", .path = "/admin/models/load", .guard = Guard::kAdmin, .answer = &load};
extern const Protocol kAdminUnload{.name = "admin_unload", .method = "POST", .path = "/admin/models/unload", .guard = Guard::kAdmin, .answer = &unload};

}  // namespace hearth::api
