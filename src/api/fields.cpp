#include "api/fields.h"

#include <algorithm>

namespace hearth::api {

Fields::Fields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {
  if (object_.is_object()) return;
  const std::string what = path_.empty() ? "the body" : path_;
  has_failed_ = true;
  error_ = {ErrorCode::kInvalidArgument, fmt::format("{} is {}; it must be an object", what, object_.type_name()), path_};
}

const Json* Fields::find(std::string_view name) {
  known_.emplace_back(name);
  const Json* found = object_.find(name);
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string Fields::path(std::string_view name) const { return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name); }

void Fields::fail_at(std::string_view name, std::string_view what, ErrorCode code) {
  if (has_failed_) return;
  has_failed_ = true;
  error_ = {code, fmt::format("{} {}", path(name), what), path(name)};
}

void Fields::fail_at(std::string_view name, std::string_view what) { fail_at(name, what, ErrorCode::kInvalidArgument); }

void Fields::wrong_type(std::string_view name, const Json& found, std::string_view wanted) {
  fail_at(name, fmt::format("is {}; it must be {}", found.type_name(), wanted));
}

void Fields::take(const Result<void>& result) {
  if (result || has_failed_) return;
  has_failed_ = true;
  error_ = result.error();
}

Result<void> Fields::done() const {
  if (has_failed_) return Failure(error_);
  return {};
}

std::optional<std::string> Fields::text(std::string_view name) {
  const Json* found = find(name);
  if (found == nullptr) return {};
  if (found->is_string()) return found->as_string();
  wrong_type(name, *found, "a string");
  return {};
}

std::optional<bool> Fields::boolean(std::string_view name) {
  const Json* found = find(name);
  if (found == nullptr) return {};
  if (found->is_bool()) return found->as_bool();
  wrong_type(name, *found, "true or false");
  return {};
}

std::optional<int64_t> Fields::integer(std::string_view name, int64_t low, int64_t high) {
  const Json* found = find(name);
  if (found == nullptr) return {};
  if (!found->is_integer()) wrong_type(name, *found, "an integer");
  else if (found->as_integer() < low || found->as_integer() > high)
    fail_at(name, fmt::format("is {}; it must be from {} to {}", found->as_integer(), low, high));
  else return found->as_integer();
  return {};
}

const Json::Array* Fields::array(std::string_view name, size_t most) {
  const Json* found = find(name);
  if (found == nullptr) return nullptr;
  if (!found->is_array()) wrong_type(name, *found, "an array");
  else if (found->as_array().size() > most) fail_at(name, fmt::format("has {} items; at most {} are allowed", found->as_array().size(), most));
  else return &found->as_array();
  return nullptr;
}

const Json::Object* Fields::object(std::string_view name) {
  const Json* found = find(name);
  if (found == nullptr) return nullptr;
  if (found->is_object()) return &found->as_object();
  wrong_type(name, *found, "an object");
  return nullptr;
}

std::optional<std::vector<std::string>> Fields::texts(std::string_view name, size_t most) {
  const Json* found = find(name);
  if (found == nullptr) return {};
  if (found->is_string()) return std::vector{found->as_string()};
  if (!found->is_array()) {
    wrong_type(name, *found, "a string or an array of strings");
    return {};
  }
  const Json::Array* items = array(name, most);
  std::vector<std::string> out;
  for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
    const Json& item = (*items)[i];
    if (!item.is_string()) wrong_type(fmt::format("{}[{}]", name, i), item, "a string");
    else out.push_back(item.as_string());
  }
  return out;
}

std::vector<std::string> Fields::unknown() const {
  std::vector<std::string> out;
  if (!object_.is_object()) return out;
  for (const auto& [name, value] : object_.as_object())
    if (std::ranges::find(known_, name) == known_.end()) out.push_back(path(name));
  return out;
}

}  // namespace hearth::api
