// Filters on sequences and mappings that look at their items' order, number or value.
#include <algorithm>

#include "text/jinja/filters/filters.h"
#include "text/jinja/run/objects.h"
#include "text/jinja/run/operators.h"
#include "text/jinja/value/characters.h"

namespace hearth::text::jinja {

namespace {

// A one-time iterator over values at hand, as Python's generators are.
Value generator_of(std::vector<Value> items) {
  const Extent extent = Value::list(items).extent();
  return make_object<Generator>(
      [rest = std::move(items), at = size_t{0}](Interpreter&) mutable -> Result<std::optional<Value>> {
        if (at == rest.size()) return std::nullopt;
        return std::move(rest[at++]);
      },
      extent);
}

Result<Value> length(Interpreter& run, const Value& subject, const Bound&) {
  if (subject.is_string()) HEARTH_TRY_VOID(run.spend(subject.bytes().size() / 16));  // characters are counted
  const auto size = subject.length();
  if (!size) return refuse("a value of type {} has no length", subject.type_name());
  return Value(static_cast<int64_t>(*size));
}

Result<Value> first(Interpreter& run, const Value& subject, const Bound&) {
  HEARTH_TRY(items, run.iterate(subject));
  HEARTH_TRY(item, items->next(run));
  return item ? *item : Value::undefined("no first item, the sequence was empty");
}

Result<Value> last(Interpreter& run, const Value& subject, const Bound&) {
  if (subject.as<Generator>() != nullptr) return refuse("a generator has no last item: use the 'list' filter first");
  if (subject.is_string() || subject.is_list() || subject.is_tuple())
    if (const auto item = indexed(subject, -1)) return *item;
  HEARTH_TRY(items, run.collect(subject));
  return items.empty() ? Value::undefined("no last item, the sequence was empty") : items.back();
}

Result<Value> list(Interpreter& run, const Value& subject, const Bound&) {
  HEARTH_TRY(items, run.collect(subject));
  return Value::list(std::move(items));
}

Result<Value> items_of(Interpreter&, const Value& subject, const Bound&) {
  if (subject.is_undefined()) return generator_of({});
  if (!subject.is_dict()) return refuse("'items' wants a mapping, not a value of type {}", subject.type_name());
  std::vector<Value> items;
  for (const auto& [key, value] : subject.dict().entries()) items.push_back(Value::tuple({key, value}));
  return generator_of(std::move(items));
}

Result<Value> reverse(Interpreter& run, const Value& subject, const Bound&) {
  if (subject.is_string()) return slice(run, subject, Value::none(), Value::none(), Value(int64_t{-1}));
  HEARTH_TRY(items, run.collect(subject));
  std::reverse(items.begin(), items.end());
  return subject.as<Generator>() != nullptr ? Value::list(std::move(items)) : generator_of(std::move(items));
}

Result<Value> default_value(Interpreter&, const Value& subject, const Bound& arguments) {
  const bool absent = subject.is_undefined() || (arguments.truthy_or(1, false) && !subject.is_truthy());
  return absent ? arguments.value_or(0, Value::literal("")) : subject;
}

Result<Value> attr(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(name, arguments.text_or(0, ""));
  if (subject.is_dict() && subject.dict().find(name.bytes()) != nullptr)
    return Value::undefined(fmt::format("a mapping has no attribute '{}': its items are no attributes", name.bytes()));
  return run.attribute(subject, name.bytes());
}

Result<Value> dictsort(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(by, arguments.text_or(1, "key"));
  if (by.bytes() != "key" && by.bytes() != "value") return refuse("'dictsort' sorts by 'key' or by 'value'");
  if (subject.is_undefined()) return refuse(subject.undefined_reason());
  if (!subject.is_dict()) return refuse("'dictsort' wants a mapping, not a value of type {}", subject.type_name());
  std::vector<Value> items, keys;
  for (const auto& [key, value] : subject.dict().entries()) {
    items.push_back(Value::tuple({key, value}));
    const Value& decisive = by.bytes() == "key" ? key : value;
    keys.push_back(arguments.truthy_or(0, false) ? decisive : ignoring_case(decisive));
  }
  HEARTH_TRY_VOID(sort_by_keys(run, items, keys, arguments.truthy_or(2, false)));
  return Value::list(std::move(items));
}

// The keys that sort(attribute="a,b") compares: one per item, a list of one value per path.
Result<std::vector<Value>> sort_keys(Interpreter& run, const std::vector<Value>& items, const Value& attribute,
                                     bool case_sensitive) {
  std::vector<Value> paths = {attribute};
  if (attribute.is_string()) {
    paths.clear();
    std::string_view rest = attribute.bytes();
    for (size_t comma; (comma = rest.find(',')) != rest.npos; rest.remove_prefix(comma + 1))
      paths.push_back(Value::literal(rest.substr(0, comma)));
    paths.push_back(Value::literal(rest));
  }
  std::vector<Value> keys;
  for (const Value& item : items) {
    std::vector<Value> key;
    for (const Value& path : paths) {
      HEARTH_TRY_VOID(run.spend(1));
      HEARTH_TRY(value, attribute_path(run, item, path));
      key.push_back(case_sensitive ? value : ignoring_case(value));
    }
    keys.push_back(Value::list(std::move(key)));
  }
  return keys;
}

Result<Value> sort(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(items, run.collect(subject));
  HEARTH_TRY(keys, sort_keys(run, items, arguments.value_or(2, Value::none()), arguments.truthy_or(1, false)));
  HEARTH_TRY_VOID(sort_by_keys(run, items, keys, arguments.truthy_or(0, false)));
  return Value::list(std::move(items));
}

Result<Value> unique(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(items, run.collect(subject));
  std::vector<DictBody::Entry> by_key;
  for (const Value& item : items) {
    HEARTH_TRY(key, attribute_path(run, item, arguments.value_or(1, Value::none())));
    if (!key.is_hashable()) return refuse("'unique' cannot compare values of type {}", key.type_name());
    by_key.emplace_back(arguments.truthy_or(0, false) ? key : ignoring_case(key),
                        Value(static_cast<int64_t>(by_key.size())));
  }
  std::reverse(by_key.begin(), by_key.end());  // a dict keeps the last of equal keys: the first item
  HEARTH_TRY(firsts, make_dict(run, std::move(by_key)));
  std::vector<int64_t> places;
  for (const auto& [key, place] : firsts.dict().entries()) places.push_back(place.integer());
  std::sort(places.begin(), places.end());
  std::vector<Value> out;
  for (const int64_t place : places) out.push_back(items[static_cast<size_t>(place)]);
  return generator_of(std::move(out));
}

template <bool want_less>
Result<Value> extreme(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(items, run.collect(subject));
  if (items.empty()) return Value::undefined("no aggregated item, the sequence was empty");
  std::optional<Value> best, best_key;
  for (const Value& item : items) {
    HEARTH_TRY(found, attribute_path(run, item, arguments.value_or(1, Value::none())));
    Value key = arguments.truthy_or(0, false) ? found : ignoring_case(found);
    HEARTH_TRY_VOID(run.spend(key.extent().weight));
    if (best) {
      HEARTH_TRY(better, want_less ? less(key, *best_key) : less(*best_key, key));
      if (!better) continue;
    }
    best = item;
    best_key = std::move(key);
  }
  return *best;
}

Result<Value> groupby(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(items, run.collect(subject));
  const std::optional<Value> fallback = arguments.has_value(1) ? std::optional<Value>(arguments[1]) : std::nullopt;
  std::vector<Value> pairs, keys;  // the key as found and the item; the key that decides
  for (const Value& item : items) {
    HEARTH_TRY_VOID(run.spend(1));
    HEARTH_TRY(key, attribute_path(run, item, arguments[0], fallback));
    pairs.push_back(Value::tuple({key, item}));
    keys.push_back(arguments.truthy_or(2, false) ? key : ignoring_case(key));
  }
  std::vector<Value> sorted_keys = keys;
  HEARTH_TRY_VOID(sort_by_keys(run, pairs, keys, false));
  HEARTH_TRY_VOID(sort_by_keys(run, sorted_keys, keys, false));
  std::vector<Value> groups;
  for (size_t i = 0; i < pairs.size();) {
    std::vector<Value> members;
    const size_t begin = i;
    for (; i < pairs.size() && equal(sorted_keys[i], sorted_keys[begin]); ++i) members.push_back(pairs[i].items()[1]);
    if (i == begin) ++i;  // a key that is not even equal to itself
    groups.push_back(Value::tuple({pairs[begin].items()[0], Value::list(std::move(members))}, /*is_group=*/true));
  }
  return Value::list(std::move(groups));
}

Result<Value> batch(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(items, run.collect(subject));
  HEARTH_TRY(size, arguments.integer_or(0, 0));
  std::vector<Value> batches, row;
  for (Value& item : items) {
    if (static_cast<int64_t>(row.size()) == size) batches.push_back(Value::list(std::exchange(row, {})));
    row.push_back(std::move(item));
  }
  if (!row.empty()) {
    if (arguments.has_value(1) && size > static_cast<int64_t>(row.size())) {
      HEARTH_TRY_VOID(run.spend(static_cast<uint64_t>(size)));
      row.resize(static_cast<size_t>(size), arguments[1]);
    }
    batches.push_back(Value::list(std::move(row)));
  }
  return generator_of(std::move(batches));
}

Result<Value> slices(Interpreter& run, const Value& subject, const Bound& arguments) {
  HEARTH_TRY(items, run.collect(subject));
  HEARTH_TRY(count, arguments.integer_or(0, 0));
  if (count == 0) return refuse("division by zero");
  HEARTH_TRY_VOID(run.spend(static_cast<uint64_t>(std::max<int64_t>(count, 0))));
  std::vector<Value> out;
  const auto size = static_cast<int64_t>(items.size());
  auto next = items.begin();
  for (int64_t i = 0; i < count; ++i) {
    const bool has_extra = i < size % count;
    const auto end = next + static_cast<ptrdiff_t>(size / count + has_extra);
    std::vector<Value> part(next, end);
    if (arguments.has_value(1) && !has_extra) part.push_back(arguments[1]);
    out.push_back(Value::list(std::move(part)));
    next = end;
  }
  return generator_of(std::move(out));
}

constexpr Filter kFilters[] = {
    {"length", {}, &length},
    {"count", {}, &length},
    {"first", {}, &first},
    {"last", {}, &last},
    {"list", {}, &list},
    {"items", {}, &items_of},
    {"reverse", {}, &reverse},
    {"default", {{"default_value", "boolean"}, 0}, &default_value},
    {"d", {{"default_value", "boolean"}, 0}, &default_value},
    {"attr", {{"name"}, 1}, &attr},
    {"dictsort", {{"case_sensitive", "by", "reverse"}, 0}, &dictsort},
    {"sort", {{"reverse", "case_sensitive", "attribute"}, 0}, &sort},
    {"unique", {{"case_sensitive", "attribute"}, 0}, &unique},
    {"min", {{"case_sensitive", "attribute"}, 0}, &extreme<true>},
    {"max", {{"case_sensitive", "attribute"}, 0}, &extreme<false>},
    {"groupby", {{"attribute", "default", "case_sensitive"}, 1}, &groupby},
    {"batch", {{"linecount", "fill_with"}, 1}, &batch},
    {"slice", {{"slices", "fill_with"}, 1}, &slices},
};

}  // namespace

std::span<const Filter> sequence_filters() { return kFilters; }

}  // namespace hearth::text::jinja
