#pragma once
// Standard base64 with padding, as rank files and tokenizer.json hold bytes.
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::text {

Result<std::string> decode_base64(std::string_view text);

}  // namespace hearth::text
