// hearth show: what a model's files say, from their headers alone.
#include <algorithm>
#include <map>

#include "apps/command.h"
#include "apps/plan_words.h"
#include "base/options/describe.h"
#include "base/utf8.h"
#include "checkpoint/extents.h"
#include "model/model.h"
#include "service/memory_plan.h"
#include "service/model_files.h"

namespace hearth::apps {

namespace {

constexpr size_t kShownBytes = 60;  // of a long text

struct FormatTotal {
  std::string_view name;
  size_t tensors = 0;
  uint64_t values = 0, bytes = 0;
};

std::vector<FormatTotal> format_totals(const checkpoint::Checkpoint& files) {
  std::map<quant::FormatId, FormatTotal> totals;
  for (const auto& tensor : files.tensors()) {
    auto& total = totals[tensor.format];
    total.name = quant::format(tensor.format).name;
    ++total.tensors;
    total.values += tensor.shape.count();
    total.bytes += tensor.bytes;
  }
  std::vector<FormatTotal> out;
  for (const auto& [id, total] : totals) out.push_back(total);
  std::ranges::sort(out, std::ranges::greater{}, &FormatTotal::bytes);
  return out;
}

Json metadata_value(const Metadata::Value& value) {
  return std::visit(
      [](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, uint64_t>) {
          return v <= uint64_t{INT64_MAX} ? Json(static_cast<int64_t>(v)) : Json(static_cast<double>(v));
        } else if constexpr (requires { v.begin(); } && !std::is_same_v<T, std::string>) {
          return Json::object({{"items", v.size()}});  // vocabularies: tens of thousands
        } else {
          return Json(v);
        }
      },
      value);
}

std::string one_line(const Metadata::Value& value) {
  const Json json = metadata_value(value);
  if (const Json* items = json.find("items")) return fmt::format("{} ({} items)", type_name(value), items->as_integer());
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{:.7g}", *number);  // most are f32 in the file
  std::string text = json.is_string() ? json.as_string() : json.dump();
  std::ranges::replace(text, '\n', ' ');
  if (text.size() <= kShownBytes) return checkpoint::printable(text);
  size_t end = kShownBytes;
  while (end > 0 && utf8::is_continuation(text[end])) --end;  // not inside a character
  return fmt::format("{}... ({} bytes)", checkpoint::printable(std::string_view(text).substr(0, end)), text.size());
}

class Show final : public Command {
 public:
  void visit(options::OptionList& v) override {
    v.section("Output");
    v("tensors", tensors_, "list every tensor", options::any().flag_only());
  }

  Result<void> run(const Invocation& call) override {
    HEARTH_TRY(files, service::ModelFiles::open(call.arguments[0]));
    const auto plan = model::read_plan(files.checkpoint());
    if (call.console.json()) call.console.print_json(to_json(files, plan));
    else call.console.print(to_text(files, plan, call.console));
    return {};
  }

 private:
  std::string to_text(const service::ModelFiles& files, const Result<model::ModelPlan>& plan, const Console& console) const {
    const auto& checkpoint = files.checkpoint();
    std::string out = fmt::format("{}\n  {} ({}, {} tensors, {})\n", console.bold(files.name()), files.path(),
                                  checkpoint.container(), checkpoint.tensors().size(), size_text(checkpoint.total_bytes()));
    auto section = [&](std::string_view title) { out += fmt::format("\n{}\n", console.bold(title)); };
    section("Plan");
    if (plan) {
      for (const auto& sentence : plan_sentences(*plan))
        out += fmt::format("  {}\n", options::wrap(sentence, console.columns(), 4));
    } else {
      out += fmt::format("  cannot be run: {}\n", plan.error().text());
    }
    section("Memory");
    if (const auto memory = service::plan_memory(checkpoint, {}); !memory) {
      out += fmt::format("  {}\n", memory.error().text());
    } else {
      const auto line = [&](std::string_view what, uint64_t bytes, std::string_view how) {
        out += fmt::format("  {:<12} {:>10}  {}\n", what, size_text(bytes), how);
      };
      line("weights", memory->weights, "packed for the processor");
      line("cache", memory->cache, fmt::format("for a context of {} tokens, filled as tokens come (--context of run and serve sets it)",
                                               number_text(memory->context)));
      line("activations", memory->step, "of the largest step");
    }
    section("Weights");
    for (const auto& total : format_totals(checkpoint))
      out += fmt::format("  {:<8} {:>5} tensors {:>16} values  {:>10}\n", total.name, total.tensors, number_text(total.values),
                         size_text(total.bytes));
    for (const auto& tensor : checkpoint.unreadable()) out += fmt::format("  unreadable: {}: {}\n", tensor.name, tensor.reason);
    section("Text");
    const auto tokenizer = files.tokenizer();
    out += fmt::format("  tokenizer      {}\n",
                       tokenizer ? std::string((*tokenizer)->summary()) : "none: " + tokenizer.error().text());
    out += fmt::format("  chat template  {}\n", files.template_origin());
    for (const auto& d : files.defaults()) out += fmt::format("  recommended    {} {}\n", d.option, d.text);
    section("Metadata");
    for (const auto& [key, value] : checkpoint.metadata().entries()) out += fmt::format("  {:<44} {}\n", key, one_line(value));
    if (tensors_) {
      section("Tensors");
      for (const auto& tensor : checkpoint.tensors())
        out += fmt::format("  {:<40} {:<8} {:<16} {:>10}\n", tensor.name, quant::format(tensor.format).name,
                           tensor.shape.text(), size_text(tensor.bytes));
    }
    return out;
  }

  Json to_json(const service::ModelFiles& files, const Result<model::ModelPlan>& plan) const {
    const auto& checkpoint = files.checkpoint();
    Json out = Json::object({{"name", files.name()}, {"path", files.path()}, {"container", checkpoint.container()},
                             {"bytes", static_cast<int64_t>(checkpoint.total_bytes())}});
    out.set("plan", plan ? plan_json(*plan) : Json());
    if (!plan) out.set("plan_error", plan.error().text());
    if (const auto memory = service::plan_memory(checkpoint, {}))
      out.set("memory", Json::object({{"weight_bytes", static_cast<int64_t>(memory->weights)},
                                      {"cache_bytes", static_cast<int64_t>(memory->cache)},
                                      {"step_bytes", static_cast<int64_t>(memory->step)},
                                      {"context", static_cast<int64_t>(memory->context)}}));
    Json formats = Json::object();
    for (const auto& total : format_totals(checkpoint))
      formats.set(total.name, Json::object({{"tensors", total.tensors}, {"values", static_cast<int64_t>(total.values)},
                                            {"bytes", static_cast<int64_t>(total.bytes)}}));
    out.set("formats", std::move(formats));
    const auto tokenizer = files.tokenizer();
    out.set("tokenizer", tokenizer ? Json((*tokenizer)->summary()) : Json());
    if (!tokenizer) out.set("tokenizer_error", tokenizer.error().text());
    out.set("has_chat_template", files.has_own_template());
    out.set("chat_template", files.template_origin());
    Json defaults = Json::object();
    for (const auto& d : files.defaults()) defaults.set(d.option, d.text);
    out.set("sampling_defaults", std::move(defaults));
    Json metadata = Json::object();
    for (const auto& [key, value] : checkpoint.metadata().entries()) metadata.set(key, metadata_value(value));
    out.set("metadata", std::move(metadata));
    if (tensors_) out.set("tensors", tensors_json(checkpoint));
    return out;
  }

  static Json tensors_json(const checkpoint::Checkpoint& checkpoint) {
    Json out = Json::array();
    for (const auto& tensor : checkpoint.tensors()) {
      Json shape = Json::array();
      for (size_t axis = 0; axis < tensor.shape.rank(); ++axis) shape.push(static_cast<size_t>(tensor.shape[axis]));
      out.push(Json::object({{"name", tensor.name}, {"name_in_file", tensor.file_name},
                             {"format", quant::format(tensor.format).name}, {"shape", std::move(shape)},
                             {"bytes", static_cast<size_t>(tensor.bytes)}}));
    }
    return out;
  }

  bool tensors_ = false;
};

}  // namespace

extern const CommandFacts kShow{.name = "show",
                                .arguments = "MODEL",
                                .summary = "tell what a model is: plan, weights, tokenizer, metadata",
                                .notes = "",
                                .min_arguments = 1,
                                .max_arguments = 1,
                                .make = &make_command<Show>};

}  // namespace hearth::apps
