#pragma once
// Errors as clients read them: {"error": {message, type, param, code}}, with the status that the one table of error codes
// gives.
#include "api/http/message.h"
#include "base/json.h"
#include "base/result.h"

namespace hearth::api {

Json error_json(const Error& error);          // OpenAI's form; param is the JSON path where there is one
Response error_response(const Error& error);  // with Retry-After where trying again may help

}  // namespace hearth::api
