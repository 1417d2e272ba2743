// hearth tokenize: text to token ids and back, with the model's own vocabulary.
#include <unistd.h>

#include <charconv>

#include "apps/command.h"
#include "base/file.h"
#include "base/utf8.h"
#include "service/chat_service.h"
#include "service/model_files.h"

namespace hearth::apps {

namespace {

using text::TokenId;

Result<std::vector<TokenId>> parse_ids(std::string_view text, size_t vocab) {
  std::vector<TokenId> ids;
  size_t i = 0;
  while ((i = text.find_first_not_of(" ,\t\r\n[]", i)) != std::string_view::npos) {
    TokenId id = -1;
    const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), id);
    const size_t next = std::min(text.find_first_of(" ,\t\r\n[]", i), text.size());
    if (error != std::errc() || end != text.data() + next)
      return fail(ErrorCode::kInvalidArgument, "'{}' is not a token id", text.substr(i, next - i));
    if (id < 0 || static_cast<size_t>(id) >= vocab)
      return fail(ErrorCode::kInvalidArgument, "token {} is not in the vocabulary, which has 0 to {}", id, vocab - 1);
    ids.push_back(id);
    i = next;
  }
  return ids;
}

// A piece as it can be shown on one line.
std::string visible(std::string_view piece) {
  std::string out;
  for (const char c : utf8::sanitize(piece)) {
    if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (static_cast<unsigned char>(c) < 32 || c == 127) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else out += c;
  }
  return out;
}

class Tokenize final : public Command {
 public:
  void visit(options::OptionList& v) override {
    using options::any;
    v.section("Input");
    v("file", file_, "read the text from a file", any().named("FILE").flag_only());
    v("chat", chat_, "render the text as a user's message with the chat template first", any().flag_only());
    v("decode", decode_, "the input is token ids; print their text", any().flag_only());
    v.section("Tokens");
    v("ids", ids_, "print the ids alone, separated by spaces", any().flag_only());
    v("bos", bos_, "add the special tokens that the model adds to a text", any().flag_only());
    v("special", special_, "recognise the text of control tokens; with --decode, show it", any().flag_only());
  }

  Result<void> run(const Invocation& call) override {
    if (decode_ && (chat_ || ids_)) return fail(ErrorCode::kUsage, "--decode prints text: --chat and --ids do not go with it");
    if (chat_ && special_) return fail(ErrorCode::kUsage, "--special is about a plain text: --chat recognises the template's own control tokens");
    HEARTH_TRY(files, service::ModelFiles::open(call.arguments[0]));
    HEARTH_TRY(tokenizer, files.tokenizer());
    HEARTH_TRY(input, read_input(call));
    if (decode_) return print_text(call, *tokenizer, input);
    std::vector<TokenId> tokens;
    if (chat_) {
      HEARTH_TRY(chat_template, files.chat_template());
      service::ChatRequest request;
      request.messages.push_back(text::Message::of("user", input));
      HEARTH_TRY(prompt, service::render_prompt(request, *chat_template, *tokenizer));
      if (!files.has_own_template())
        call.console.note("the model has no chat template; this is " + files.template_origin());
      tokens = std::move(prompt.tokens);
    } else {
      tokens = tokenizer->encode(input, {.add_special = bos_, .parse_special = special_});
    }
    print_tokens(call, *tokenizer, tokens);
    return {};
  }

 private:
  Result<std::string> read_input(const Invocation& call) const {
    if (!file_.empty() && call.arguments.size() > 1)
      return fail(ErrorCode::kUsage, "give either TEXT or --file, not both");
    if (!file_.empty()) return read_text_file(file_);
    if (call.arguments.size() > 1) return call.arguments[1];
    return read_standard_input();
  }

  Result<void> print_text(const Invocation& call, const text::Tokenizer& tokenizer, std::string_view input) const {
    HEARTH_TRY(ids, parse_ids(input, tokenizer.size()));
    const std::string text = tokenizer.decode(ids, special_);
    if (call.console.json()) call.console.print_json(Json::object({{"text", text}}));
    else call.console.print(call.console.output_is_terminal() ? text + "\n" : text);
    return {};
  }

  void print_tokens(const Invocation& call, const text::Tokenizer& tokenizer, const std::vector<TokenId>& tokens) const {
    const Console& console = call.console;
    Json items = Json::array();
    std::string out;
    for (const TokenId id : tokens) {
      const std::string piece = tokenizer.piece(id, true);
      if (console.json()) items.push(ids_ ? Json(id) : Json::object({{"id", id}, {"text", piece}}));
      else if (ids_) out += fmt::format("{}{}", out.empty() ? "" : " ", id);
      else out += fmt::format("{:>7}  {}\n", id, visible(piece));
    }
    if (console.json()) return call.console.print_json(Json::object({{"count", tokens.size()}, {"tokens", std::move(items)}}));
    call.console.print(ids_ ? out + "\n" : out);
    if (!ids_) call.console.status(fmt::format("{} tokens\n", tokens.size()));
  }

  std::string file_;
  bool chat_ = false, decode_ = false, ids_ = false, bos_ = true, special_ = false;
};

}  // namespace

extern const CommandFacts kTokenize{
    .name = "tokenize",
    .arguments = "MODEL [TEXT]",
    .summary = "show how a model's tokenizer cuts a text, or turn token ids back into text",
    .notes = "Without TEXT and --file, standard input is read.",
    .min_arguments = 1,
    .max_arguments = 2,
    .make = &make_command<Tokenize>};

}  // namespace hearth::apps
