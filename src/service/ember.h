#pragma once
// Ember, the model inside the program: a small helper that knows Hearth's commands, embedded as a GGUF file (docs/ember.md).
#include <memory>
#include <string_view>

#include "base/file.h"
#include "base/result.h"

namespace hearth::service {

inline constexpr std::string_view kEmberName = "ember";  // what it is called where a MODEL is asked for; a file of that name is ./ember

bool has_ember();  // a build without the file has none

// Its bytes, in the program's own memory. Errors: kUnsupported where the build has none.
Result<std::shared_ptr<ByteSource>> ember_source();

}  // namespace hearth::service
