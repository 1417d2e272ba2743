// Lines that clients change with every request: dropped where they begin a system prompt, and nowhere else.
#include <gtest/gtest.h>

#include "service/volatile_prefix.h"

namespace hearth::service {
namespace {

using text::ContentPart;
using text::Message;

Message of_parts(std::string role, const std::vector<std::string>& texts) {
  Message message;
  message.role = std::move(role);
  for (const auto& text : texts) message.content.push_back({ContentPart::Kind::kText, text});
  return message;
}

std::string shown(std::vector<Message> messages) {
  drop_volatile_prefixes(messages);
  std::string out;
  for (const auto& message : messages) {
    out += message.role + "[";
    for (const auto& part : message.content) out += part.text + "|";
    out += "]";
  }
  return out;
}

const std::string kHeader = "x-anthropic-billing-header: cc_version=2.1.37.0d9; cc_entrypoint=cli; cch=fa690;";

TEST(VolatilePrefix, a_line_before_a_system_prompt_goes) {
  EXPECT_EQ(shown({Message::of("system", kHeader + "\nYou are X.\n"), Message::of("user", "hi")}), "system[You are X.\n|]user[hi|]");
  EXPECT_EQ(shown({of_parts("developer", {kHeader, "You are X."})}), "developer[You are X.|]");
  EXPECT_EQ(shown({of_parts("system", {"You are X.", kHeader + "\n" + kHeader + "\nrest"})}), "system[You are X.|rest|]");
}

TEST(VolatilePrefix, a_message_of_which_nothing_is_left_goes) {
  EXPECT_EQ(shown({Message::of("system", kHeader), Message::of("system", "You are X.")}), "system[You are X.|]");
  EXPECT_EQ(shown({Message::of("system", kHeader + "\n")}), "");
}

TEST(VolatilePrefix, everything_else_stays) {
  EXPECT_EQ(shown({Message::of("user", kHeader + "\nx")}), "user[" + kHeader + "\nx|]");
  EXPECT_EQ(shown({Message::of("system", "a\n" + kHeader)}), "system[a\n" + kHeader + "|]");
  EXPECT_EQ(shown({Message::of("system", ""), of_parts("system", {})}), "system[|]system[]");
}

}  // namespace
}  // namespace hearth::service
