// hearth render: a chat template applied to a conversation, exactly as the model would see it.
#include <array>

#include "apps/command.h"
#include "base/file.h"
#include "service/ember.h"
#include "service/model_files.h"
#include "text/chat/template.h"

namespace hearth::apps {

namespace {

// A template is text; models are folders, GGUF files or safetensors files, which begin with a length and a brace.
bool looks_like_model(const std::string& path) {
  if (path == service::kEmberName || is_folder(path)) return true;
  const auto source = map_file(path);
  std::array<char, 9> head{};
  if (!source || !(*source)->read(0, std::as_writable_bytes(std::span(head)))) return false;
  return std::string_view(head.data(), 4) == "GGUF" || (head[8] == '{' && head[7] == 0);
}

Result<std::shared_ptr<const text::ChatTemplate>> open_template(const Invocation& call) {
  const std::string& path = call.arguments[0];
  if (looks_like_model(path)) {
    HEARTH_TRY(files, service::ModelFiles::open(path));
    if (!files.has_own_template())
      call.console.note("the model has no chat template; this is " + files.template_origin());
    return files.chat_template();
  }
  HEARTH_TRY(source, read_text_file(path, uint64_t{16} << 20));
  auto parsed = text::parse_chat_template(std::move(source));
  if (!parsed) return at(path, std::move(parsed).error());
  return parsed;
}

class Render final : public Command {
 public:
  void visit(options::OptionList& v) override {
    v.section("Input");
    v("context", file_, "the template's variables as a JSON object: messages, tools, add_generation_prompt, ...",
      options::any().named("FILE").or_else("standard input").flag_only());
  }

  Result<void> run(const Invocation& call) override {
    HEARTH_TRY(chat_template, open_template(call));
    const bool from_input = file_.empty() || file_ == "-";
    HEARTH_TRY(json, from_input ? read_standard_input() : read_text_file(file_));
    const std::string place = from_input ? "standard input" : file_;
    auto variables = Json::parse(json);
    if (!variables) return at(place, std::move(variables).error());
    if (!variables->is_object())
      return fail(ErrorCode::kBadFile, "{}: the template's variables must be an object, not {}", place, variables->type_name());
    auto rendered = chat_template->render_context(*variables);
    if (!rendered) return at(call.arguments[0], std::move(rendered).error());
    if (call.console.json()) call.console.print_json(Json::object({{"text", rendered->text}}));
    else call.console.print(rendered->text);
    return {};
  }

 private:
  std::string file_;
};

}  // namespace

extern const CommandFacts kRender{.name = "render",
                                  .arguments = "TEMPLATE.jinja|MODEL",
                                  .summary = "apply a chat template to a conversation and print the prompt",
                                  .notes = "",
                                  .min_arguments = 1,
                                  .max_arguments = 1,
                                  .make = &make_command<Render>};

}  // namespace hearth::apps
