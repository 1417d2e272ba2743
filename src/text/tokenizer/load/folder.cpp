#include "text/tokenizer/tokenizer.h"
namespace hearth::text {
Result<std::shared_ptr<const Tokenizer>> load_tokenizer_folder(const std::string& folder) {
  return fail(ErrorCode::kUnsupported, "{}", folder);
}
}  // namespace hearth::text
