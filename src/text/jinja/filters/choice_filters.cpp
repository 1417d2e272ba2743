// map, select, reject and their forms by attribute: lazy, like Python's generators, so a template that takes the first
// match never sees what would fail behind it.
#include <algorithm>
#include <memory>

#include "text/jinja/filters/filters.h"
#include "text/jinja/run/objects.h"

namespace hearth::text::jinja {

namespace {

using Step = Result<std::optional<Value>>;

// An iterator over the subject, kept with it: shared, since a generator's function is copied.
struct Source {
  Value subject;
  IteratorPtr items;
};

Result<std::shared_ptr<Source>> source_of(Interpreter& run, const Value& subject) {
  auto source = std::make_shared<Source>();
  source->subject = subject;
  if (!subject.is_truthy()) {
    source->items = iterate_items({});  // `x|map(...)` of nothing is nothing, whatever its type
    return source;
  }
  HEARTH_TRY(items, run.iterate(source->subject));
  source->items = std::move(items);
  return source;
}

Value generator(Generator::Next next, const Value& subject, const Arguments& arguments) {
  Extent extent = subject.extent();
  for (const Value& value : arguments.positional) extent.hold(value.extent());
  return make_object<Generator>(std::move(next), extent);
}

Result<Value> map_attribute(Interpreter& run, const Value& subject, Arguments arguments) {
  HEARTH_TRY(bound, bind("map", {{"attribute", "default"}, 1}, std::move(arguments)));
  HEARTH_TRY(source, source_of(run, subject));
  const std::optional<Value> fallback = bound.has_value(1) ? std::optional<Value>(bound[1]) : std::nullopt;
  const auto next = [source, path = bound[0], fallback](Interpreter& r) -> Step {
    HEARTH_TRY(item, source->items->next(r));
    if (!item) return std::nullopt;
    HEARTH_TRY(value, attribute_path(r, *item, path, fallback));
    return value;
  };
  return generator(next, subject, {.positional = {bound[0]}, .named = {}});
}

Result<Value> map(Interpreter& run, const Value& subject, Arguments arguments) {
  if (arguments.positional.empty()) {
    if (arguments.named.empty()) return refuse("'map' wants the name of a filter or an attribute");
    return map_attribute(run, subject, std::move(arguments));
  }
  if (!arguments.positional[0].is_string()) return refuse("'map' wants the name of a filter");
  HEARTH_TRY(source, source_of(run, subject));
  const Value name = arguments.positional[0];
  Arguments rest{.positional = {arguments.positional.begin() + 1, arguments.positional.end()},
                 .named = arguments.named};
  const auto next = [source, name, rest = std::move(rest)](Interpreter& r) -> Step {
    HEARTH_TRY(item, source->items->next(r));
    if (!item) return std::nullopt;
    HEARTH_TRY(value, r.apply_filter(name.bytes(), *item, rest));
    return value;
  };
  return generator(next, subject, arguments);
}

// Keeps the items for which a test (or their truth) comes out as `wanted`.
template <bool by_attribute, bool wanted>
Result<Value> choose(Interpreter& run, const Value& subject, Arguments arguments) {
  auto& given = arguments.positional;
  if (by_attribute && given.empty()) return refuse("the name of an attribute is missing");
  const Value path = by_attribute ? given[0] : Value::none();
  const size_t test_at = by_attribute ? 1 : 0;
  std::optional<Value> test;
  Arguments rest{.positional = {}, .named = arguments.named};
  if (given.size() > test_at) {
    if (!given[test_at].is_string()) return refuse("the name of a test must be a string");
    test = given[test_at];
    rest.positional.assign(given.begin() + static_cast<ptrdiff_t>(test_at) + 1, given.end());
  }
  HEARTH_TRY(source, source_of(run, subject));
  const auto next = [source, path, test, rest = std::move(rest)](Interpreter& r) -> Step {
    while (true) {
      HEARTH_TRY(item, source->items->next(r));
      if (!item) return std::nullopt;
      HEARTH_TRY_VOID(r.spend(1));
      HEARTH_TRY(value, attribute_path(r, *item, path));
      HEARTH_TRY(holds, test ? r.apply_test(test->bytes(), value, rest) : Result<bool>(value.is_truthy()));
      if (holds == wanted) return item;
    }
  };
  return generator(next, subject, arguments);
}

constexpr Filter kFilters[] = {
    {"map", {}, nullptr, &map},
    {"select", {}, nullptr, &choose<false, true>},
    {"reject", {}, nullptr, &choose<false, false>},
    {"selectattr", {}, nullptr, &choose<true, true>},
    {"rejectattr", {}, nullptr, &choose<true, false>},
};

}  // namespace

std::span<const Filter> choice_filters() { return kFilters; }

}  // namespace hearth::text::jinja
