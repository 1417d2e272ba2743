#include "text/jinja/methods/methods.h"

#include <algorithm>

#include "text/jinja/run/operators.h"

namespace hearth::text::jinja {

namespace {

Result<Value> dict_get(Interpreter&, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("get", {{"key", "default"}, 1}, std::move(arguments)));
  if (!bound[0].is_hashable()) return refuse("a value of type {} cannot be a key", bound[0].type_name());
  const Value* found = self.dict().find(bound[0]);
  return found != nullptr ? *found : bound.value_or(1, Value::none());
}

template <DictView::Kind kind>
Result<Value> dict_view(Interpreter&, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("items", {}, std::move(arguments)));
  return make_object<DictView>(self, kind);
}

Result<Value> copy(Interpreter&, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("copy", {}, std::move(arguments)));
  return self;
}

Result<Value> count_items(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("count", {{"value"}, 1}, std::move(arguments)));
  HEARTH_TRY_VOID(run.spend(self.extent().weight));
  return Value(static_cast<int64_t>(
      std::count_if(self.items().begin(), self.items().end(), [&](const Value& v) { return equal(v, bound[0]); })));
}

Result<Value> index_of_item(Interpreter& run, const Value& self, Arguments arguments) {
  HEARTH_TRY(bound, bind("index", {{"value", "start", "stop"}, 1}, std::move(arguments)));
  HEARTH_TRY_VOID(run.spend(self.extent().weight));
  const Value none = Value::none();
  HEARTH_TRY(part, slice(run, self, bound.value_or(1, none), bound.value_or(2, none), none));
  const auto found =
      std::find_if(part.items().begin(), part.items().end(), [&](const Value& v) { return equal(v, bound[0]); });
  if (found == part.items().end()) return refuse("the value is not in the list");
  HEARTH_TRY(start, bound.integer_or(1, 0));
  const auto size = static_cast<int64_t>(self.items().size());
  const int64_t skipped = start < 0 ? std::max<int64_t>(start + size, 0) : std::min(start, size);
  return Value(skipped + (found - part.items().begin()));
}

constexpr Method kDictMethods[] = {{"get", &dict_get},
                                   {"items", &dict_view<DictView::Kind::kItems>},
                                   {"keys", &dict_view<DictView::Kind::kKeys>},
                                   {"values", &dict_view<DictView::Kind::kValues>},
                                   {"copy", &copy}};
constexpr Method kListMethods[] = {{"count", &count_items}, {"index", &index_of_item}, {"copy", &copy}};
constexpr Method kTupleMethods[] = {{"count", &count_items}, {"index", &index_of_item}};

constexpr std::string_view kDictChanges[] = {"clear", "pop", "popitem", "setdefault", "update"};
constexpr std::string_view kListChanges[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};

std::optional<Value> find_in(std::span<const Method> methods, const Value& self, std::string_view name) {
  const auto found = std::find_if(methods.begin(), methods.end(), [&](const Method& m) { return m.name == name; });
  if (found == methods.end()) return std::nullopt;
  return make_object<BuiltIn>(found->name, found->body, self);
}

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::optional<Value> find_method(const Value& self, std::string_view name) {
  const bool is_private = name.size() > 4 && name.starts_with("__") && name.ends_with("__");
  const bool changes =
      (self.is_dict() && is_one_of(kDictChanges, name)) || (self.is_list() && is_one_of(kListChanges, name));
  if (is_private || changes)
    return Value::undefined(fmt::format("access to '{}' of a value of type {} is not safe", name, self.type_name()));
  if (self.is_dict()) return find_in(kDictMethods, self, name);
  if (self.is_list()) return find_in(kListMethods, self, name);
  if (self.is_tuple()) return find_in(kTupleMethods, self, name);
  if (!self.is_string()) return std::nullopt;
  if (auto method = find_in(string_methods(), self, name)) return method;
  return find_in(string_split_methods(), self, name);
}

}  // namespace hearth::text::jinja
