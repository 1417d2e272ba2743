#include "text/jinja/template.h"

#include "base/utf8.h"
#include "text/jinja/syntax/parser.h"

namespace hearth::text::jinja {

Result<Template> Template::parse(std::string_view source) {
  if (source.size() > kMaxTemplateBytes)
    return fail(ErrorCode::kBadFile, "the chat template has {} bytes, at most {} are allowed", source.size(),
                kMaxTemplateBytes);
  if (!utf8::is_valid(source)) return fail(ErrorCode::kBadFile, "the chat template is not valid UTF-8");
  HEARTH_TRY(tree, jinja::parse(source));
  return Template(std::move(tree));
}

Result<Traced> Template::render(const Variables& variables, int64_t now_unix, const Limits& limits) const {
  return Interpreter(tree_, variables, now_unix, limits).render();
}

}  // namespace hearth::text::jinja
