#pragma once
// From a parsed body to an answer on its way: model, prompts, submission, events to bytes. The same for every protocol.
#include "api/services.h"

namespace hearth::api {

// Called on the server's thread; goes on on a worker.
void generate(const Protocol& protocol, Services& services, std::shared_ptr<const Request> request,
              std::shared_ptr<ResponseWriter> writer);

}  // namespace hearth::api
