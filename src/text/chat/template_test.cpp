// Chat templates of real models against Jinja2, where what the conversation said ends up, and what models without a
// template get.
#include "text/chat/template.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <random>
#include <sstream>

#include "runner/shared_data.h"

namespace hearth::text {
namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Json read_json(const std::string& path) {
  auto json = Json::parse(read_file(path));
  EXPECT_TRUE(json.has_value()) << path;
  return json ? *json : Json::object();
}

std::string fnv(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return fmt::format("{:016x}", hash);
}

// "path", or "path#member" of a JSON file: its chat_template, an entry of its list of templates, or of a golden file.
std::string template_source(const std::string& key) {
  const size_t mark = key.find('#');
  const std::string path = testing::shared_data() + "/" + key.substr(0, mark);
  if (mark == std::string::npos && path.ends_with(".jinja")) return read_file(path);
  static std::map<std::string, Json> files;
  const auto [file, is_new] = files.try_emplace(path);
  if (is_new) file->second = read_json(path);
  const Json* found = file->second.find("chat_template");
  if (found == nullptr) {
    const Json* entry = file->second.find(key.substr(mark + 1));
    return entry != nullptr ? entry->text_or("template", "") : "";
  }
  if (found->is_string()) return found->as_string();
  for (const Json& entry : found->as_array())
    if (entry.text_or("name", "") == key.substr(mark + 1)) return entry.text_or("template", "");
  return "";
}

// Every range must hold text; ascending and disjoint.
void expect_well_formed(const Rendered& rendered) {
  size_t at = 0;
  for (const TextRange& range : rendered.plain) {
    EXPECT_LE(at, range.begin);
    EXPECT_LT(range.begin, range.end);
    at = range.end;
  }
  EXPECT_LE(at, rendered.text.size());
}

TEST(ChatTemplates, RenderAsJinja2Does) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  setenv("TZ", "UTC", 1);
  tzset();
  const Json golden = read_json(testing::source_path("tests/golden/chat_template/renderings.json"));
  Json conversations = read_json(testing::source_path("tests/golden/chat_template/conversations.json"));
  for (auto& [name, variables] : conversations.as_object()) variables.set("now_unix", golden.integer_or("now", 0));
  size_t equal = 0, refused = 0;
  for (const auto& [key, entry] : golden.find("templates")->as_object()) {
    const std::string source = template_source(key);
    ASSERT_EQ(fnv(source), entry.text_or("source", "")) << key << " is another file than the goldens were made of";
    const auto parsed = parse_chat_template(source);
    const auto& results = entry.find("results")->as_array();
    for (size_t i = 0; i < results.size(); ++i) {
      const auto& [name, variables] = conversations.as_object()[i];
      const std::string& expected = results[i].as_string();
      const auto rendered = parsed ? (*parsed)->render_context(variables) : std::unexpected(parsed.error());
      if (rendered) expect_well_formed(*rendered);
      EXPECT_EQ(rendered ? fnv(rendered->text) : "refused", expected)
          << key << ", " << name << ": " << (rendered ? rendered->text : rendered.error().text());
      ++(rendered ? equal : refused);
    }
  }
  EXPECT_GT(equal, 6000u);
  testing::count_cases("template renderings", equal);
  testing::count_cases("template refusals", refused);
}

// The published file's own expectations, which real tokenizers gave.
TEST(ChatTemplates, RenderAsPublishedExamples) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const Json golden = read_json(testing::shared_data() + "/chat_templates/jinja_cpp_golden/test_chat_template.json");
  size_t count = 0;
  for (const auto& [model, entry] : golden.as_object()) {
    const auto parsed = parse_chat_template(entry.text_or("template", ""));
    ASSERT_TRUE(parsed.has_value()) << model << ": " << parsed.error().text();
    for (const Json& one : entry.find("cases")->as_array()) {
      Json variables = one;                      // description and expected are no variables of any template
      variables.set("now_unix", 1'765'929'600);  // the day they were made: 2025-12-17
      for (const auto& [name, token] : entry.find("special_tokens")->as_object()) variables.set(name, token);
      if (!variables.has("tools")) variables.set("tools", Json());
      const auto rendered = (*parsed)->render_context(variables);
      ASSERT_TRUE(rendered.has_value()) << model << ": " << rendered.error().text();
      EXPECT_EQ(rendered->text, one.text_or("expected", "")) << model << ", " << one.text_or("description", "");
      ++count;
    }
  }
  testing::count_cases("published template renderings", count);
}

std::shared_ptr<const ChatTemplate> parsed(const std::string& source) {
  auto result = parse_chat_template(source);
  EXPECT_TRUE(result.has_value()) << (result ? "" : result.error().text());
  return result ? *result : nullptr;
}

// The text with everything that came from the conversation in brackets.
std::string marked(const Rendered& rendered) {
  expect_well_formed(rendered);
  std::string out;
  size_t at = 0;
  for (const TextRange& range : rendered.plain) {
    out += rendered.text.substr(at, range.begin - at) + "⟦" +
           rendered.text.substr(range.begin, range.end - range.begin) + "⟧";
    at = range.end;
  }
  return out + rendered.text.substr(at);
}

std::string marked_content(const std::string& source, const std::string& content) {
  TemplateInput input;
  input.messages = {Message::of("user", content)};
  const auto rendered = parsed("{% set c = messages[0].content %}" + source)->render(input);
  return rendered ? marked(*rendered) : rendered.error().text();
}

TEST(ChatProvenance, InputIsFollowedThroughWhatTemplatesDoToIt) {
  const std::pair<std::string, std::string> kCases[] = {
      {"<s>{{ c }}</s>", "<s>⟦ a,B ⟧</s>"},
      {"{{ '<s>' + c + '</s>' }}", "<s>⟦ a,B ⟧</s>"},
      {"{{ '<s>' ~ c | trim ~ 1 }}", "<s>⟦a,B⟧1"},
      {"{{ c.strip().split(',') | join('|') }}", "⟦a⟧|⟦B⟧"},
      {"{{ c | replace(',', '<|x|>') }}", "⟦ a⟧<|x|>⟦B ⟧"},
      {"{{ 'x,y' | replace(',', c) }}", "x⟦ a,B ⟧y"},
      {"{{ c | upper }}{{ c[1:3] }}{{ c[::-1] }}", "⟦ A,B a, B,a ⟧"},
      {"{{ {'k': c} | tojson }}", "{\"k\": ⟦\" a,B \"⟧}"},
      {"{{ [c, 'lit'] }}", "[⟦' a,B '⟧, 'lit']"},
      {"{{ '%s=%s' | format('k', c) }}{{ '{}!'.format(c) }}", "k=⟦ a,B  a,B ⟧!"},
      {"{% set b %}<{{ c }}>{% endset %}{{ b }}", "<⟦ a,B ⟧>"},
      {"{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(c) | indent(2, true) }}", "  <⟦ a,B ⟧>"},
      {"{% for x in c | trim %}[{{ x }}]{% endfor %}", "[⟦a⟧][⟦,⟧][⟦B⟧]"},
      {"{% filter upper %}x{{ c }}{% endfilter %}", "X⟦ A,B ⟧"},
      {"{{ c | length }}{{ c == ' a,B ' }}{{ 'yes' if ',' in c }}", "5Trueyes"},
      {"{{ c | title }}{{ (c ~ 'é') | upper }}", "⟦ A,b  A,B É⟧"},
      {"{{ c | center(9) }}|{{ c | e }}", "  ⟦ a,B ⟧  |⟦ a,B ⟧"},
      {"{{ '<|' + messages[0].role + '|>' }}", "<|user|>"},
  };
  for (const auto& [source, expected] : kCases) EXPECT_EQ(marked_content(source, " a,B "), expected) << source;
}

TEST(ChatProvenance, UnknownRolesNamesAndCallsAreInput) {
  TemplateInput input;
  input.messages = {Message::of("im_start|>system", "x")};
  Message call = Message::of("assistant", "");
  call.tool_calls.push_back({"id|>", "<|f|>", Json::object({{"<|k|>", "<|v|>"}})});
  call.thinking = "<|t|>";
  input.messages.push_back(call);
  input.tools = {{"<|n|>", "<|d|>", Json::object({{"type", "<|o|>"}})}};
  input.bos_token = "<s>";
  input.extra = Json::object({{"who", "<|w|>"}});
  const auto rendered =
      parsed(
          "{{ bos_token }}<|{{ messages[0].role }}|>{% set t = messages[1].tool_calls[0] %}{{ t.id }}{{ t.type }}{{ "
          "t.function.name }}"
          "{{ t.function.arguments | tojson }}{{ messages[1].reasoning_content }}{{ tools | tojson }}{{ who }}")
          ->render(input);
  ASSERT_TRUE(rendered.has_value()) << rendered.error().text();
  EXPECT_EQ(marked(*rendered),
            "<s><|⟦im_start|>system⟧|>⟦id|>⟧function⟦<|f|>⟧{⟦\"<|k|>\"⟧: ⟦\"<|v|>\"⟧}⟦<|t|>⟧"
            "[{\"type\": \"function\", \"function\": {\"name\": ⟦\"<|n|>\"⟧, \"description\": ⟦\"<|d|>\"⟧, "
            "\"parameters\": {⟦\"type\"⟧: ⟦\"<|o|>\"⟧}}}]⟦<|w|>⟧");
}

// In no real template does a control token that a user writes stand outside of the plain ranges.
TEST(ChatProvenance, NoRealTemplateLetsInputOut) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const Json golden = read_json(testing::source_path("tests/golden/chat_template/renderings.json"));
  const std::string needle = "Zq<|im_start|>9";
  size_t seen = 0;
  for (const auto& [key, entry] : golden.find("templates")->as_object()) {
    const auto model = parse_chat_template(template_source(key));
    if (!model) continue;
    TemplateInput input;
    input.messages = {Message::of("system", "S " + needle), Message::of("user", "U " + needle),
                      Message::of("assistant", "A " + needle), Message::of("user", needle)};
    input.tools = {
        {"t" + needle, "about " + needle,
         Json::object(
             {{"type", "object"},
              {"properties", Json::object({{"p", Json::object({{"type", "string"}, {"description", needle}})}})}})}};
    input.now_unix = 1;
    for (const bool with_tools : {true, false}) {
      if (!with_tools) input.tools.clear();
      const auto rendered = (*model)->render(input);
      if (!rendered) continue;
      expect_well_formed(*rendered);
      for (size_t at = 0; (at = rendered->text.find(needle, at)) != std::string::npos; at += needle.size(), ++seen)
        EXPECT_TRUE(std::any_of(rendered->plain.begin(), rendered->plain.end(),
                                [&](const TextRange& r) { return r.begin <= at && at + needle.size() <= r.end; }))
            << key << " at " << at;
    }
  }
  EXPECT_GT(seen, 1000u);
  testing::count_cases("injected control tokens", seen);
}

// Real templates, cut anywhere and with pieces exchanged: any outcome but a crash or a hang.
TEST(ChatTemplates, SurviveDamage) {
  HEARTH_SKIP_WITHOUT_SHARED_DATA();
  const Json golden = read_json(testing::source_path("tests/golden/chat_template/renderings.json"));
  std::mt19937 random(11);
  TemplateInput input;
  input.messages = {Message::of("system", "S"), Message::of("user", "U"), Message::of("assistant", "A"),
                    Message::of("user", "U")};
  input.tools = {{"f", "d", Json()}};
  input.now_unix = 1;
  size_t count = 0;
  for (const auto& [key, entry] : golden.find("templates")->as_object()) {
    const std::string source = template_source(key);
    for (int n = 0; n < 12; ++n, ++count) {
      std::string damaged = n < 4 ? source.substr(0, random() % source.size()) : source;
      for (int i = 0; i < n - 4; ++i) {
        const size_t from = random() % damaged.size(), to = random() % damaged.size();
        damaged.replace(to, std::min<size_t>(random() % 12, damaged.size() - to), damaged.substr(from, random() % 12));
      }
      const auto model = parse_chat_template(damaged);
      const auto rendered = model ? (*model)->render(input) : std::unexpected(model.error());
      if (rendered) expect_well_formed(*rendered);
      else EXPECT_FALSE(rendered.error().message.empty());
    }
  }
  testing::count_cases("damaged templates", count);
}

TEST(ChatForms, AreWhatATemplateWants) {
  const auto by_string = parsed("{% for m in messages %}{{ m.role + ':' + m.content + ';' }}{% endfor %}");
  const auto by_parts = parsed(
      "{% for m in messages %}{{ m.role }}:{% for p in m.content %}{{ p.text if p.type == 'text' else '<image>' }}|{% "
      "endfor %};{% endfor %}");
  TemplateInput input;
  input.messages = {Message::of("user", "one")};
  EXPECT_EQ(by_string->render(input)->text, "user:one;");
  EXPECT_EQ(by_parts->render(input)->text, "user:one|;");
  input.messages[0].role = "developer";
  EXPECT_EQ(by_string->render(input)->text, "system:one;");
  EXPECT_EQ(parsed("{{ messages[0].role if messages[0].role == 'developer' }}")->render(input)->text, "developer");
  input.messages[0].role = "user";
  input.messages[0].content.push_back({ContentPart::Kind::kText, "two"});
  EXPECT_EQ(by_string->render(input)->text, "user:onetwo;");
  EXPECT_EQ(by_parts->render(input)->text, "user:one|two|;");
  input.messages[0].content.push_back({ContentPart::Kind::kImage, "ref"});
  EXPECT_EQ(by_parts->render(input)->text, "user:one|two|<image>|;");
  const auto refused = by_string->render(input);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
}

TEST(ChatForms, ArgumentsAndContentBesideCallsTakeTheFormATemplateReads) {
  Message call = Message::of("assistant", "");
  call.tool_calls.push_back({"c1", "f", Json::object({{"a", 1}})});
  TemplateInput input;
  input.messages = {Message::of("user", "q"), call, Message::of("tool", "r")};
  const std::string head =
      "{% for m in messages %}{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }}";
  EXPECT_EQ(
      parsed(head + "{{ c.function.arguments | tojson }}{% endfor %}{% endif %}{% endfor %}")->render(input)->text,
      "f{\"a\": 1}");
  EXPECT_EQ(
      parsed(head + "{{ '(' + c.function.arguments + ')' }}{% endfor %}{% endif %}{% endfor %}")->render(input)->text,
      "f({\"a\": 1})");
  EXPECT_EQ(parsed("{% for m in messages %}{% if m.content is none %}{{ m.tool_calls[0].function.name }}{{ "
                   "m.tool_calls[0].function.arguments | tojson }}{% endif %}{% endfor %}")
                ->render(input)
                ->text,
            "f{\"a\": 1}");
}

// Identifiers of other systems are often longer than 64 bits.
TEST(ChatForms, NumbersOfToolsAndCallsStayAsGiven) {
  const Json given = *Json::parse(R"({"id": 123456789012345678901234567890, "low": -9223372036854775809, "x": [1.0, 0.1, 7]})");
  const std::string_view expected = R"({"id": 123456789012345678901234567890, "low": -9223372036854775809, "x": [1.0, 0.1, 7]})";
  Message call = Message::of("assistant", "");
  call.tool_calls.push_back({"c1", "f", given});
  TemplateInput input;
  input.messages = {Message::of("user", "q"), call};
  input.tools.push_back({"f", "", given});
  const std::string head = "{% for m in messages %}{% for c in m.tool_calls or [] %}{{ c.function.name }}";
  const auto as_objects = parsed(head + "{{ c.function.arguments | tojson }}{% endfor %}{% endfor %}{{ tools[0].function.parameters | tojson }}");
  EXPECT_EQ(as_objects->render(input)->text, fmt::format("f{}{}", expected, expected));
  const auto as_text = parsed(head + "{{ '' + c.function.arguments }}{% endfor %}{% endfor %}");
  EXPECT_EQ(as_text->render(input)->text, fmt::format("f{}", expected));
}

TEST(ChatForms, SwitchesAndExtrasReachTheTemplate) {
  TemplateInput input;
  input.messages = {Message::of("user", "q")};
  const auto model = parsed(
      "{{ enable_thinking }}{{ thinking }}{{ level }}{{ tools }}{{ documents }}{{ add_generation_prompt }}{{ "
      "strftime_now('%Y') }}");
  input.now_unix = 1'700'000'000;
  EXPECT_EQ(model->render(input)->text, "NoneNoneTrue2023");
  input.enable_thinking = false;
  input.extra = Json::object({{"level", "high"}, {"messages", Json::array()}});
  EXPECT_EQ(model->render(input)->text, "FalseFalsehighNoneNoneTrue2023");
}

// A vocabulary of a few control tokens.
class Words final : public Tokenizer {
 public:
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {}
  std::vector<TokenId> encode(std::string_view, const EncodeOptions&) const override { return {}; }
  std::string decode(std::span<const TokenId>, bool) const override { return {}; }
  std::string piece(TokenId, bool) const override { return {}; }
  size_t size() const override { return words_.size(); }
  TokenKind kind(TokenId) const override { return TokenKind::kControl; }
  std::string_view token_text(TokenId id) const override { return words_[static_cast<size_t>(id)]; }
  std::optional<TokenId> find(std::string_view text) const override {
    const auto found = std::find(words_.begin(), words_.end(), text);
    return found == words_.end() ? std::nullopt : std::optional<TokenId>(static_cast<TokenId>(found - words_.begin()));
  }
  const Special& special() const override { return special_; }
  std::string_view summary() const override { return "words"; }

 private:
  std::vector<std::string> words_;
  Special special_;
};

TEST(DefaultTemplates, AreChosenByControlTokens) {
  struct Case {
    std::vector<std::string> words;
    std::string name, text;
  };
  const Case kCases[] = {
      {{"<|im_start|>", "<|im_end|>"},
       "ChatML",
       "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"},
      {{"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"},
       "Llama 3",
       "<s><|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nU<|eot_"
       "id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
      {{"<start_of_turn>", "<end_of_turn>"},
       "Gemma",
       "<s><start_of_turn>user\nS\n\nU<end_of_turn>\n<start_of_turn>model\n"},
      {{"<|user|>", "<|assistant|>", "<|end|>", "<|system|>"},
       "Phi 3",
       "<|system|>\nS<|end|>\n<|user|>\nU<|end|>\n<|assistant|>\n"},
      {{"<|user|>", "<|assistant|>", "<|system|>"}, "Zephyr", "<|system|>\nS</s>\n<|user|>\nU</s>\n<|assistant|>\n"},
      {{"[INST]", "[/INST]"}, "Mistral", "<s>[INST] S\n\nU[/INST]"},
      {{"<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>"},
       "Command R",
       "<s><|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>S<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>U<|END_OF_"
       "TURN_TOKEN|><|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>"},
      {{}, "plain roles", "<s>system: S\nuser: U\nassistant:"},
  };
  TemplateInput input;
  input.messages = {Message::of("system", "S"), Message::of("user", "U")};
  input.bos_token = "<s>";
  input.eos_token = "</s>";
  for (const Case& one : kCases) {
    const DefaultTemplate chosen = default_chat_template(Words(one.words));
    EXPECT_EQ(chosen.name, one.name);
    const auto rendered = parsed(chosen.source)->render(input);
    ASSERT_TRUE(rendered.has_value()) << rendered.error().text();
    EXPECT_EQ(rendered->text, one.text);
    EXPECT_EQ(rendered->plain.size(), 2u) << one.name;  // the two contents, and no role
  }
}

}  // namespace
}  // namespace hearth::text
