#include "text/jinja/run/globals.h"

#include <algorithm>
#include <ctime>

#include "text/jinja/run/arguments.h"
#include "text/jinja/run/objects.h"
#include "text/jinja/run/operators.h"
#include "text/jinja/value/print.h"

namespace hearth::text::jinja {

namespace {

Result<Value> make_range(Interpreter&, const Value&, Arguments arguments) {
  HEARTH_TRY(bound, bind("range", {{"start", "stop", "step"}, 1}, std::move(arguments)));
  HEARTH_TRY(first, bound.integer_or(0, 0));
  HEARTH_TRY(second, bound.integer_or(1, 0));
  HEARTH_TRY(step, bound.integer_or(2, 1));
  return bound.has(1) ? Range::make(first, second, step) : Range::make(0, first, 1);
}

// The entries that dict(mapping or pairs, **named) has.
Result<std::vector<DictBody::Entry>> entries_of(Interpreter& run, Arguments arguments) {
  std::vector<DictBody::Entry> entries;
  if (arguments.positional.size() > 1) return refuse("dict() takes at most one mapping");
  if (!arguments.positional.empty()) {
    const Value& source = arguments.positional[0];
    if (source.is_dict()) {
      HEARTH_TRY_VOID(run.spend(source.dict().entries().size()));
      entries = source.dict().entries();
    } else {
      HEARTH_TRY(pairs, run.collect(source));
      for (const Value& pair : pairs) {
        HEARTH_TRY(halves, run.collect(pair));
        if (halves.size() != 2) return refuse("dict() needs pairs, got {} values", halves.size());
        entries.emplace_back(std::move(halves[0]), std::move(halves[1]));
      }
    }
  }
  for (auto& [name, value] : arguments.named) entries.emplace_back(Value(Traced::input(name)), std::move(value));  // perhaps by **
  return entries;
}

Result<Value> make_dict_value(Interpreter& run, const Value&, Arguments arguments) {
  HEARTH_TRY(entries, entries_of(run, std::move(arguments)));
  return make_dict(run, std::move(entries));
}

Result<Value> make_namespace(Interpreter& run, const Value&, Arguments arguments) {
  HEARTH_TRY(entries, entries_of(run, std::move(arguments)));
  const auto created = std::make_shared<Namespace>();
  run.own(created);
  for (const auto& [name, value] : entries) {
    if (!name.is_hashable()) return refuse("a value of type {} cannot be a key", name.type_name());
    HEARTH_TRY_VOID(created->set(run, name, value));
  }
  return Value(std::shared_ptr<Object>(created));
}

Result<Value> make_cycler(Interpreter&, const Value&, Arguments arguments) {
  if (arguments.positional.empty() || !arguments.named.empty()) return refuse("cycler() needs at least one item");
  return make_object<Cycler>(std::move(arguments.positional));
}

Result<Value> make_joiner(Interpreter&, const Value&, Arguments arguments) {
  HEARTH_TRY(bound, bind("joiner", {{"sep"}, 0}, std::move(arguments)));
  return make_object<Joiner>(bound.value_or(0, Value::literal(", ")));
}

Result<Value> raise_exception(Interpreter&, const Value&, Arguments arguments) {
  HEARTH_TRY(bound, bind("raise_exception", {{"message"}, 1}, std::move(arguments)));
  return refuse(to_text(bound[0]).bytes());
}

// Local time, as the reference has it. Python hands the format to the C library after filling in %f, %z and %Z itself, the latter two
// with nothing, for its time knows of no zone.
Result<Value> strftime_now(Interpreter& run, const Value&, Arguments arguments) {
  HEARTH_TRY(bound, bind("strftime_now", {{"format"}, 1}, std::move(arguments)));
  HEARTH_TRY(format, bound.text_or(0, ""));
  std::string pattern = format.bytes();
  for (size_t at = 0; (at = pattern.find('%', at)) != std::string::npos;) {
    const std::string directive = pattern.substr(at, 2);
    if (directive == "%f") pattern.replace(at, 2, "000000");
    else if (directive == "%z" || directive == "%Z") pattern.erase(at, 2);
    else at += 2;
  }
  constexpr size_t kMaxFormat = 1000;
  if (pattern.size() > kMaxFormat || pattern.find('\0') != std::string::npos)
    return refuse("strftime_now() got an unusable format");
  if (pattern.empty()) return Value::literal("");
  const auto now = static_cast<time_t>(run.now_unix());
  std::tm local{};
  localtime_r(&now, &local);
  std::string out(pattern.size() * 64, '\0');
  out.resize(std::strftime(out.data(), out.size(), pattern.c_str(), &local));
  return Value(format.changed_to(std::move(out)));
}

struct Global {
  std::string_view name;
  BuiltIn::Body body;
};
constexpr Global kGlobals[] = {{"range", &make_range},         {"dict", &make_dict_value},
                               {"namespace", &make_namespace}, {"cycler", &make_cycler},
                               {"joiner", &make_joiner},       {"raise_exception", &raise_exception},
                               {"strftime_now", &strftime_now}};

}  // namespace

Value find_global(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kGlobals), std::end(kGlobals), [&](const Global& g) { return g.name == name; });
  return found != std::end(kGlobals) ? make_object<BuiltIn>(found->name, found->body) : Value();
}

}  // namespace hearth::text::jinja
