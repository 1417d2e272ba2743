#include "api/services.h"

#include "api/generate.h"
#include "api/http/errors.h"

namespace hearth::api {

#define HEARTH_PROTOCOL(protocol) extern const Protocol protocol;
#include "api/protocols.def"
#undef HEARTH_PROTOCOL

std::span<const Protocol* const> protocols() {
  static constexpr const Protocol* kProtocols[] = {
#define HEARTH_PROTOCOL(protocol) &protocol,
#include "api/protocols.def"
#undef HEARTH_PROTOCOL
  };
  return kProtocols;
}

static Handler handler_of(const Protocol& protocol, Services& services) {
  if (protocol.answer == nullptr)
    return [&](std::shared_ptr<const Request> request, std::shared_ptr<ResponseWriter> writer) {
      generate(protocol, services, std::move(request), std::move(writer));
    };
  if (protocol.guard == Guard::kOpen)  // those who ask whether the server lives do not wait for a worker
    return [&](std::shared_ptr<const Request> request, std::shared_ptr<ResponseWriter> writer) {
      writer->send(protocol.answer(*request, services));
    };
  return [&](std::shared_ptr<const Request> request, std::shared_ptr<ResponseWriter> writer) {
    const auto answer = [&, request, writer] { writer->send(protocol.answer(*request, services)); };
    if (protocol.method == "GET") return services.server.work_briefly(answer);
    if (const auto begun = services.server.work(request->body.size(), answer); !begun) writer->send(error_response(begun.error()));
  };
}

Router make_router(const AccessOptions& access, Services& services) {
  std::vector<Route> routes;
  for (const Protocol* protocol : protocols())
    routes.push_back({protocol->method, protocol->path, protocol->guard, handler_of(*protocol, services)});
  return Router(access, std::move(routes));
}

}  // namespace hearth::api
