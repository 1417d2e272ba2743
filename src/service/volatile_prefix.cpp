#include "service/volatile_prefix.h"

#include <algorithm>
#include <string_view>

namespace hearth::service {

namespace {

// Claude Code: "x-anthropic-billing-header: cc_version=2.1.37.0d9; cc_entrypoint=cli; cch=fa690;", a text of its own or the
// first line of one; the end of the version and cch are hashes of the request.
constexpr std::string_view kVolatileLines[] = {"x-anthropic-billing-header:"};

bool drop_lines(std::string& text) {
  std::string_view rest = text;
  while (std::ranges::any_of(kVolatileLines, [&](std::string_view line) { return rest.starts_with(line); }))
    rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
  const size_t dropped = text.size() - rest.size();
  text.erase(0, dropped);
  return dropped > 0;
}

}  // namespace

void drop_volatile_prefixes(std::vector<text::Message>& messages) {
  std::erase_if(messages, [](text::Message& message) {
    if (message.role != "system" && message.role != "developer") return false;
    const size_t dropped = std::erase_if(message.content, [](text::ContentPart& part) {
      return part.kind == text::ContentPart::Kind::kText && drop_lines(part.text) && part.text.empty();
    });
    return dropped > 0 && message.content.empty();
  });
}

}  // namespace hearth::service
