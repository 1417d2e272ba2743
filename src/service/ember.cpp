#include "service/ember.h"

#include <span>

// HEARTH_EMBER_FILE is the path that CMakeLists.txt found. The assembler copies the file, so that the compiler never sees its bytes.
#ifdef HEARTH_EMBER_FILE
asm(".section .rodata\n"
    ".balign 64\n"
    ".local hearth_ember_begin, hearth_ember_end\n"
    "hearth_ember_begin:\n"
    ".incbin \"" HEARTH_EMBER_FILE "\"\n"
    "hearth_ember_end:\n"
    ".byte 0\n"
    ".text\n");
extern "C" {
extern const std::byte hearth_ember_begin[], hearth_ember_end[];
}
#endif

namespace hearth::service {

namespace {

std::span<const std::byte> ember_bytes() {
#ifdef HEARTH_EMBER_FILE
  return {hearth_ember_begin, hearth_ember_end};
#else
  return {};
#endif
}

}  // namespace

bool has_ember() { return !ember_bytes().empty(); }

Result<std::shared_ptr<ByteSource>> ember_source() {
  if (!has_ember()) return fail(ErrorCode::kUnsupported, "this build has no model inside; name a model file or folder");
  return static_source(std::string(kEmberName), ember_bytes());
}

}  // namespace hearth::service
