#include "text/jinja/value/value.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "text/jinja/value/characters.h"

namespace hearth::text::jinja {

namespace {

constexpr size_t kSmallDict = 8;

std::shared_ptr<const ListBody> body_of(std::vector<Value> items, bool is_group = false) {
  auto body = std::make_shared<ListBody>();
  body->extent.depth = 1;
  for (const Value& item : items) body->extent.hold(item.extent());
  body->items = std::move(items);
  body->is_group = is_group;
  return body;
}

template <class T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

bool is_nan(const Value& v) { return v.is_float() && std::isnan(v.number()); }

// Exact: a double, not NaN, is compared with an integer without rounding the integer.
int compare_mixed(double a, int64_t b) {
  if (a >= 0x1p63) return 1;
  if (a < -0x1p63) return -1;
  const double whole = std::floor(a);
  const int by_whole = order(static_cast<int64_t>(whole), b);
  return by_whole != 0 ? by_whole : order(whole, a);
}

// Numbers of which one is a big integer and none is NaN: against it, a float's fraction does not count.
int compare_big(const Value& a, const Value& b) {
  if (a.is_float() && std::isinf(a.number())) return a.number() > 0 ? 1 : -1;
  if (b.is_float() && std::isinf(b.number())) return b.number() > 0 ? -1 : 1;
  const auto digits = [](const Value& v) { return v.is_float() ? fmt::format("{:.0f}", v.number()) : v.digits(); };
  const std::string left = digits(a), right = digits(b);
  const bool negative = left.starts_with('-');
  if (negative != right.starts_with('-')) return negative ? -1 : 1;
  const int magnitude = left.size() != right.size() ? order(left.size(), right.size()) : order(left, right);
  return negative ? -magnitude : magnitude;
}

int compare_numbers(const Value& a, const Value& b) {
  if (is_nan(a) || is_nan(b)) return order(is_nan(a), is_nan(b));
  if (a.is_big_int() || b.is_big_int()) return compare_big(a, b);
  if (a.is_float() && b.is_float()) return order(a.number(), b.number());
  if (a.is_float()) return compare_mixed(a.number(), b.integer());
  if (b.is_float()) return -compare_mixed(b.number(), a.integer());
  return order(a.integer(), b.integer());
}

// Where a hashable value stands among the others in compare_keys.
int rank(const Value& v) {
  if (v.is_undefined()) return 0;
  if (v.is_none()) return 1;
  if (v.is_number()) return 2;
  if (v.is_string()) return 3;
  if (v.is_tuple()) return 4;
  return 5;
}

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), equal);
}

bool equal_dicts(const DictBody& a, const DictBody& b) {
  if (a.entries().size() != b.entries().size()) return false;
  return std::all_of(a.entries().begin(), a.entries().end(), [&](const DictBody::Entry& entry) {
    const Value* other = b.find(entry.first);
    return other != nullptr && equal(entry.second, *other);
  });
}

Result<bool> less_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    if (!equal(a[i], b[i])) return less(a[i], b[i]);
  return a.size() < b.size();
}

}  // namespace

void Extent::hold(const Extent& child) {
  depth = std::max(depth, child.depth + 1);
  weight = std::min(weight + child.weight, uint64_t{1} << 62);  // saturates: far beyond any bound
}

DictBody::DictBody(std::vector<Entry> entries) : entries_(std::move(entries)) {
  std::vector<uint32_t> by_key(entries_.size());
  std::iota(by_key.begin(), by_key.end(), 0);
  std::stable_sort(by_key.begin(), by_key.end(),
                   [&](uint32_t a, uint32_t b) { return compare_keys(entries_[a].first, entries_[b].first) < 0; });
  // Equal keys now stand side by side, earliest first: the earliest keeps its place and gets the latest's value.
  std::vector<bool> dropped(entries_.size());
  bool any_dropped = false;
  for (size_t i = 1, first = 0; i < by_key.size(); ++i) {
    if (compare_keys(entries_[by_key[first]].first, entries_[by_key[i]].first) != 0) {
      first = i;
      continue;
    }
    entries_[by_key[first]].second = std::move(entries_[by_key[i]].second);
    dropped[by_key[i]] = any_dropped = true;
  }
  if (any_dropped) {
    std::vector<Entry> kept;
    for (size_t i = 0; i < entries_.size(); ++i)
      if (!dropped[i]) kept.push_back(std::move(entries_[i]));
    *this = DictBody(std::move(kept));
    return;
  }
  extent_.depth = 1;
  for (const auto& [key, value] : entries_) extent_.hold(key.extent()), extent_.hold(value.extent());
  if (entries_.size() > kSmallDict) sorted_ = std::move(by_key);
}

const Value* DictBody::find(const Value& key) const {
  if (sorted_.empty()) {
    for (const auto& [name, value] : entries_)
      if (compare_keys(name, key) == 0) return &value;
    return nullptr;
  }
  const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), key, [&](uint32_t entry, const Value& k) {
    return compare_keys(entries_[entry].first, k) < 0;
  });
  return at != sorted_.end() && compare_keys(entries_[*at].first, key) == 0 ? &entries_[*at].second : nullptr;
}

const Value* DictBody::find(std::string_view key) const {
  if (!sorted_.empty()) return find(Value::literal(key));
  for (const auto& [name, value] : entries_)
    if (name.is_string() && name.bytes() == key) return &value;
  return nullptr;
}

Result<Value> Object::call(Interpreter&, Arguments) { return refuse("'{}' object is not callable", type_name()); }
Result<std::optional<Value>> Object::attribute(Interpreter&, std::string_view) { return std::nullopt; }
std::optional<Value> Object::item(const Value&) { return std::nullopt; }
Traced Object::repr() const { return Traced::literal(fmt::format("<{} object>", type_name())); }

Value::Value(Traced text, bool markup) : v_(std::make_shared<const StringBody>(StringBody{std::move(text), markup})) {}

Value Value::undefined(std::string why) {
  return Value(Variant(Undefined{std::make_shared<const std::string>(std::move(why))}));
}
Value Value::list(std::vector<Value> items) { return Value(Variant(List{body_of(std::move(items))})); }
Value Value::tuple(std::vector<Value> items, bool is_group) {
  return Value(Variant(Tuple{body_of(std::move(items), is_group)}));
}
Value Value::dict(std::vector<DictBody::Entry> entries) {
  return Value(Variant(std::make_shared<const DictBody>(std::move(entries))));
}

Value Value::from_json(const Json& json, bool input) {
  const auto string = [&](const std::string& s) { return Value(input ? Traced::input(s) : Traced::literal(s)); };
  if (json.is_bool()) return Value(json.as_bool());
  if (json.is_integer()) return Value(json.as_integer());
  if (json.is_big_integer()) return Value(Variant(BigInteger{std::make_shared<const std::string>(json.as_digits())}));
  if (json.is_number()) return Value(json.as_number());
  if (json.is_string()) return string(json.as_string());
  if (json.is_array()) {
    std::vector<Value> items;
    for (const Json& item : json.as_array()) items.push_back(from_json(item, input));
    return list(std::move(items));
  }
  if (json.is_object()) {
    std::vector<DictBody::Entry> entries;
    for (const auto& [key, item] : json.as_object()) entries.emplace_back(string(key), from_json(item, input));
    return dict(std::move(entries));
  }
  return none();
}

double Value::number() const {
  if (is_float()) return std::get<double>(v_);
  return is_big_int() ? std::strtod(digits().c_str(), nullptr) : static_cast<double>(integer());
}

const std::vector<Value>& Value::items() const {
  return is_list() ? std::get<List>(v_).body->items : std::get<Tuple>(v_).body->items;
}

std::string Value::undefined_reason() const {
  const auto& why = std::get<Undefined>(v_).why;
  return why ? *why : "an undefined value was used";
}

std::string_view Value::type_name() const {
  if (is_object()) return object().type_name();
  if (is_markup()) return "Markup";
  constexpr std::string_view kNames[] = {"Undefined", "NoneType", "bool", "int",   "int",
                                         "float",     "str",      "list", "tuple", "dict"};
  return kNames[v_.index()];
}

bool Value::is_truthy() const {
  if (is_undefined() || is_none()) return false;
  if (is_number()) return number() != 0;
  if (is_object()) return object().is_truthy();
  if (is_string()) return !bytes().empty();
  return *length() != 0;
}

bool Value::is_hashable() const {
  if (is_tuple())
    return std::all_of(items().begin(), items().end(), [](const Value& item) { return item.is_hashable(); });
  return is_object() ? object().is_hashable() : !is_list() && !is_dict();
}

Extent Value::extent() const {
  if (is_string()) return {0, 1 + bytes().size() / 16};
  if (is_big_int()) return {0, 1 + std::get<BigInteger>(v_).digits->size() / 16};
  if (is_list()) return std::get<List>(v_).body->extent;
  if (is_tuple()) return std::get<Tuple>(v_).body->extent;
  if (is_dict()) return dict().extent();
  return is_object() ? object().extent() : Extent{};
}

std::optional<size_t> Value::length() const {
  if (is_undefined()) return 0;
  if (is_string()) return count_characters(bytes());
  if (is_list() || is_tuple()) return items().size();
  if (is_dict()) return dict().entries().size();
  return is_object() ? object().length() : std::nullopt;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return !is_nan(a) && !is_nan(b) && compare_numbers(a, b) == 0;
  if (a.is_object() && b.is_object()) return a.object().equals(b.object());
  if (a.variant().index() != b.variant().index()) return false;
  if (a.is_string()) return a.bytes() == b.bytes();
  if (a.is_list() || a.is_tuple()) return equal_items(a.items(), b.items());
  if (a.is_dict()) return equal_dicts(a.dict(), b.dict());
  return true;  // both undefined, or both None
}

Result<bool> less(const Value& a, const Value& b) {
  if (a.is_undefined()) return refuse(a.undefined_reason());
  if (b.is_undefined()) return refuse(b.undefined_reason());
  if (a.is_number() && b.is_number()) return !is_nan(a) && !is_nan(b) && compare_numbers(a, b) < 0;
  if (a.is_string() && b.is_string()) return a.bytes() < b.bytes();  // UTF-8 sorts as its code points do
  if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) return less_items(a.items(), b.items());
  return refuse("values of type {} and {} cannot be ordered", a.type_name(), b.type_name());
}

int compare_keys(const Value& a, const Value& b) {
  if (const int by_rank = order(rank(a), rank(b)); by_rank != 0) return by_rank;
  if (a.is_number()) return compare_numbers(a, b);
  if (a.is_string()) return order<int>(a.bytes().compare(b.bytes()), 0);
  if (a.is_object()) return order<const Object*>(&a.object(), &b.object());
  if (!a.is_tuple()) return 0;
  const auto &left = a.items(), &right = b.items();
  for (size_t i = 0; i < std::min(left.size(), right.size()); ++i)
    if (const int by_item = compare_keys(left[i], right[i]); by_item != 0) return by_item;
  return order(left.size(), right.size());
}

}  // namespace hearth::text::jinja
