// Protocols by text: tests/conformance/wire/*.test. A case is a line "protocol NAME parse|stream|whole [OPTION...]", what goes
// in, a line "----", and what must come out. Cases are separated by a line "====".
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "api/http/errors.h"
#include "api/protocol.h"
#include "base/file.h"
#include "runner/shared_data.h"

namespace hearth::api {
namespace {

namespace fs = std::filesystem;

const Protocol* find_protocol(std::string_view name) {
  const auto found = std::ranges::find(protocols(), name, &Protocol::name);
  return found == protocols().end() ? nullptr : *found;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A line's words: bare, "name=value", or quoted as JSON strings.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  for (size_t at = 0; at < line.size();) {
    if (line[at] == ' ') {
      ++at;
      continue;
    }
    size_t end = at;
    for (bool quoted = false; end < line.size() && (quoted || line[end] != ' '); ++end) {
      if (line[end] == '\\') ++end;
      else if (line[end] == '"') quoted = !quoted;
    }
    std::string word = line.substr(at, end - at);
    words.push_back(word.starts_with('"') ? Json::parse(word)->as_string() : word);
    at = end;
  }
  return words;
}

std::string value_of(const std::vector<std::string>& words, std::string_view name, std::string fallback = "0") {
  for (const auto& word : words)
    if (word.starts_with(name) && word.size() > name.size() && word[name.size()] == '=') return word.substr(name.size() + 1);
  return fallback;
}

bool has_word(const std::vector<std::string>& words, std::string_view word) { return std::ranges::find(words, word) != words.end(); }

service::Outcome outcome_of(const std::vector<std::string>& words) {
  service::Outcome outcome;
  for (const auto reason : {service::FinishReason::kEnd, service::FinishReason::kStopString, service::FinishReason::kLength, service::FinishReason::kContext})
    if (finish_reason_name(reason) == value_of(words, "reason", "end")) outcome.reason = reason;
  outcome.prompt_tokens = static_cast<uint32_t>(std::stoul(value_of(words, "prompt")));
  outcome.cached_tokens = static_cast<uint32_t>(std::stoul(value_of(words, "cached")));
  outcome.thinking_tokens = static_cast<uint32_t>(std::stoul(value_of(words, "thinking")));
  outcome.tokens.resize(std::stoul(value_of(words, "generated")));
  if (const std::string miss = value_of(words, "miss", ""); !miss.empty())
    outcome.miss = {.position = static_cast<uint32_t>(std::stoul(miss)), .before = "It is ", .last = "Mon", .now = "Tue\n"};
  outcome.prompt_seconds = 0.5;
  outcome.generate_seconds = 0.25;
  return outcome;
}

// event text|thinking CHOICE "TEXT"; token CHOICE "TEXT" LOGPROB ["TEXT" LOGPROB]...; finish CHOICE reason=...; error "SENTENCE"
class Player {
 public:
  Player(Encoder& encoder, bool is_stream, size_t choices) : encoder_(encoder), is_stream_(is_stream), texts_(choices), thoughts_(choices) {
    if (is_stream_) out = encoder_.begin();
  }

  void play(const std::vector<std::string>& words) {
    const std::string& kind = words.at(1);
    const uint32_t choice = kind == "error" ? 0 : static_cast<uint32_t>(std::stoul(words.at(2)));
    if (kind == "text") delta(choice, service::Delta::Kind::kText, words.at(3), texts_);
    else if (kind == "thinking") delta(choice, service::Delta::Kind::kThinking, words.at(3), thoughts_);
    else if (kind == "token") token(choice, words);
    else if (kind == "error") out += encoder_.error({ErrorCode::kInternal, words.at(2), {}});
    else finish(choice, words);
  }

  std::string out;

 private:
  void delta(uint32_t choice, service::Delta::Kind kind, const std::string& text, std::vector<std::string>& all) {
    all.at(choice) += text;
    if (is_stream_) out += encoder_.delta(choice, {kind, text});
  }
  void token(uint32_t choice, const std::vector<std::string>& words) {
    service::TokenReport report{{words.at(3), std::stof(words.at(4))}, {}};
    for (size_t i = 5; i + 1 < words.size(); i += 2) report.likeliest.push_back({words[i], std::stof(words[i + 1])});
    encoder_.token(choice, report);
  }
  void finish(uint32_t choice, const std::vector<std::string>& words) {
    service::Outcome outcome = outcome_of(words);
    outcome.text = texts_.at(choice);
    outcome.thinking = thoughts_.at(choice);
    const std::string bytes = encoder_.finish(choice, outcome);
    if (is_stream_) out += bytes;
  }

  Encoder& encoder_;
  const bool is_stream_;
  std::vector<std::string> texts_, thoughts_;
};

std::string encode(const Protocol& protocol, const std::vector<std::string>& head, const std::vector<std::string>& lines) {
  const bool is_stream = head.at(2) == "stream";
  AnswerFacts facts{.id = "1", .model = "m", .created = 1700000000};
  facts.asks = static_cast<uint32_t>(std::stoul(value_of(head, "asks", "1")));
  facts.choices = static_cast<uint32_t>(std::stoul(value_of(head, "choices", "1")));
  facts.is_stream = is_stream;
  facts.wants_usage = has_word(head, "usage");
  facts.explains_miss = has_word(head, "explains");
  facts.dropped_turns = static_cast<uint32_t>(std::stoul(value_of(head, "dropped_turns")));
  facts.dropped_messages = static_cast<uint32_t>(std::stoul(value_of(head, "dropped_messages")));
  const auto encoder = protocol.encoder(facts);
  Player player(*encoder, is_stream, facts.asks * facts.choices);
  bool failed = false;
  for (const auto& line : lines)
    if (line.starts_with("event ")) {
      player.play(words_of(line));
      failed = failed || line.starts_with("event error");
    }
  if (!is_stream) return encoder->whole().dump(2) + "\n";
  return player.out + (failed ? "" : encoder->end());
}

void describe(const text::Message& message, std::string& out) {
  out += fmt::format("message {} {}", message.role, Json(message.text()).dump());
  if (!message.thinking.empty()) out += fmt::format(" thinking={}", Json(message.thinking).dump());
  if (!message.name.empty()) out += fmt::format(" name={}", message.name);
  if (!message.tool_call_id.empty()) out += fmt::format(" answers={}", message.tool_call_id);
  for (const auto& call : message.tool_calls) out += fmt::format(" call={}:{}{}", call.id, call.name, call.arguments.dump());
  out += "\n";
}

// Everything that differs from the defaults, under the options' names.
void describe(service::GenerationOptions generation, std::string& out) {
  service::GenerationOptions standard;
  options::OptionList list, defaults;
  visit(list, generation);
  visit(defaults, standard);
  for (size_t i = 0; i < list.all().size(); ++i)
    if (const std::string value = list.all()[i].value_text(); value != defaults.all()[i].value_text())
      out += fmt::format("{} {}\n", list.all()[i].name, value);
  if (generation.logprobs) out += fmt::format("logprobs {}\n", *generation.logprobs);
  if (generation.priority != 0) out += fmt::format("priority {}\n", generation.priority);
}

std::string describe(const Call& call) {
  std::string out;
  for (const Call::Ask& ask : call.asks) {
    if (const auto* chat = std::get_if<service::ChatRequest>(&ask)) {
      for (const auto& message : chat->messages) describe(message, out);
      for (const auto& tool : chat->tools) out += fmt::format("tool {} {} {}\n", tool.name, Json(tool.description).dump(), tool.parameters.dump());
      if (chat->think) out += fmt::format("think {}\n", *chat->think);
      if (!chat->template_variables.as_object().empty()) out += fmt::format("variables {}\n", chat->template_variables.dump());
    } else {
      const auto& completion = std::get<service::CompletionRequest>(ask);
      out += completion.tokens.empty() ? fmt::format("prompt {}\n", Json(completion.prompt).dump())
                                       : fmt::format("prompt of tokens {}\n", fmt::join(completion.tokens, " "));
    }
  }
  describe(std::visit([](const auto& request) { return request.generation; }, call.asks.front()), out);
  if (call.choices != 1) out += fmt::format("choices {}\n", call.choices);
  if (call.is_stream) out += call.wants_usage ? "stream usage\n" : "stream\n";
  for (const auto& name : call.unknown) out += fmt::format("unknown {}\n", name);
  return out;
}

std::string parse(const Protocol& protocol, const std::string& text) {
  const auto body = Json::parse(text);
  if (!body) return "bad test: " + body.error().text() + "\n";
  const auto call = protocol.parse(*body, {});
  if (call) return describe(*call);
  const Response response = error_response(call.error());
  return fmt::format("{} {}\n", response.status, response.body);
}

void run_case(const std::string& place, const std::string& text) {
  std::vector<std::string> lines = lines_of(text);
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("# "); });
  while (!lines.empty() && lines.front().empty()) lines.erase(lines.begin());
  const auto separator = std::ranges::find(lines, "----");
  ASSERT_NE(separator, lines.end()) << place << ": no line ---- in\n" << text;
  const auto head = words_of(lines.front());
  const Protocol* protocol = head.size() < 3 ? nullptr : find_protocol(head[1]);
  ASSERT_NE(protocol, nullptr) << place << ": " << lines.front();
  const std::vector<std::string> input(lines.begin() + 1, separator);
  std::string expected;
  for (auto line = separator + 1; line != lines.end(); ++line) expected += *line + "\n";
  const std::string got = head[2] == "parse" ? parse(*protocol, fmt::format("{}", fmt::join(input, "\n"))) : encode(*protocol, head, input);
  EXPECT_EQ(got, expected) << place << "\n" << text;
}

TEST(Wire, Cases) {
  size_t cases = 0;
  std::vector<fs::path> paths;
  for (const auto& item : fs::directory_iterator(hearth::testing::source_path("tests/conformance/wire"))) paths.push_back(item.path());
  std::ranges::sort(paths);
  for (const auto& path : paths) {
    std::string text = *read_text_file(path.string());
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find("====\n", at), text.size());
      run_case(fmt::format("{} case {}", path.filename().string(), ++cases), text.substr(at, end - at));
      at = end + 5;
    }
  }
  hearth::testing::count_cases("wire cases", cases);
  EXPECT_GT(cases, 20u);
}

// Tokens that are parts of a character are told apart, and offsets count characters.
TEST(Wire, CompletionsSpellPartsOfCharactersByTheirBytes) {
  const auto encoder = find_protocol("openai_completions")->encoder({.id = "1", .model = "m", .created = 1});
  encoder->token(0, {{"\xe2\x82", -1}, {{"\xe2\x82", -1}, {"\xe2\x83", -2}}});
  encoder->token(0, {{"\xac", -1}, {}});
  encoder->token(0, {{"éx", -1}, {}});
  encoder->token(0, {{"y", -1}, {}});
  encoder->finish(0, {});
  const Json whole = encoder->whole();
  const Json& logprobs = *whole.find("choices")->as_array()[0].find("logprobs");
  EXPECT_EQ(logprobs.find("tokens")->dump(), R"(["bytes:\\xe2\\x82","bytes:\\xac","éx","y"])");
  EXPECT_EQ(logprobs.find("top_logprobs")->as_array()[0].dump(), R"({"bytes:\\xe2\\x82":-1.0,"bytes:\\xe2\\x83":-2.0})");
  EXPECT_EQ(logprobs.find("text_offset")->dump(), "[0,1,1,3]");
}

}  // namespace
}  // namespace hearth::api
