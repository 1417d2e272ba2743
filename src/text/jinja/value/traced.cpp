#include "text/jinja/value/traced.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::text::jinja {

Traced Traced::literal(std::string bytes) {
  Traced out;
  out.bytes_ = std::move(bytes);
  return out;
}

Traced Traced::input(std::string bytes) {
  Traced out = literal(std::move(bytes));
  out.add_range(0, out.size());
  return out;
}

void Traced::add_range(size_t begin, size_t end) {
  if (begin == end) return;
  if (!input_.empty() && input_.back().end == begin) input_.back().end = end;
  else input_.push_back({begin, end});
}

void Traced::append_slice(const Traced& other, size_t begin, size_t end) {
  const size_t base = bytes_.size();
  bytes_.append(other.bytes_, begin, end - begin);
  auto range = std::lower_bound(other.input_.begin(), other.input_.end(), begin,
                                [](const TextRange& r, size_t at) { return r.end <= at; });
  for (; range != other.input_.end() && range->begin < end; ++range)
    add_range(base + std::max(range->begin, begin) - begin, base + std::min(range->end, end) - begin);
}

Traced Traced::slice(size_t begin, size_t end) const {
  Traced out;
  out.append_slice(*this, begin, end);
  return out;
}

Traced Traced::changed_to(std::string bytes) const {
  return has_input() ? input(std::move(bytes)) : literal(std::move(bytes));
}

Traced Traced::mapped_to(std::string bytes) const {
  HEARTH_CHECK(bytes.size() == bytes_.size(), "a mapping must keep the length");
  Traced out = literal(std::move(bytes));
  out.input_ = input_;
  return out;
}

}  // namespace hearth::text::jinja
