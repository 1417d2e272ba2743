#include "text/jinja/syntax/symbols.h"

#include "base/check.h"

namespace hearth::text::jinja {

std::optional<Symbols::Place> Symbols::find(const std::string& name) const {
  for (const Symbols* scope = this; scope != nullptr; scope = scope->parent_)
    if (const auto found = scope->loads_.find(name); found != scope->loads_.end())
      return Place{scope->function_, found->second.slot};
  return std::nullopt;
}

void Symbols::define(const std::string& name, Load::Kind kind) {
  const auto [entry, is_new] = loads_.try_emplace(name, Load{kind, 0});
  if (is_new) entry->second.slot = static_cast<uint16_t>(function_->used++);
  entry->second.kind = kind;
}

void Symbols::load(const std::string& name) {
  if (!find(name)) define(name, Load::Kind::kGlobal);
}

void Symbols::store(const std::string& name) {
  stores_.insert(name);
  if (loads_.contains(name)) return;
  define(name, parent_ != nullptr && parent_->find(name) ? Load::Kind::kOuter : Load::Kind::kMissing);
}

uint16_t Symbols::declare_parameter(const std::string& name) {
  stores_.insert(name);
  define(name, Load::Kind::kParameter);
  return loads_.at(name).slot;
}

// A name that only some branch assigns starts as what it means outside: the others may read that.
void Symbols::merge(const std::vector<Symbols>& branches) {
  std::set<std::string> stored;
  for (const Symbols& branch : branches) stored.insert(branch.stores_.begin(), branch.stores_.end());
  for (const std::string& name : stores_) stored.erase(name);
  for (const Symbols& branch : branches)
    for (const auto& [name, load] : branch.loads_) {
      const auto [entry, is_new] = loads_.try_emplace(name, load);  // a name has one slot, whichever branch came first
      entry->second.kind = load.kind;
    }
  stores_.insert(stored.begin(), stored.end());
  for (const std::string& name : stored)
    loads_.at(name).kind = parent_ != nullptr && parent_->find(name) ? Load::Kind::kOuter : Load::Kind::kGlobal;
}

Ref Symbols::relative(const Place& place) const {
  return {static_cast<uint16_t>(function_->level - place.function->level), place.slot};
}

Ref Symbols::ref(const std::string& name) const {
  const auto place = find(name);
  HEARTH_CHECK(place.has_value(), "a name was not seen when its scope was analysed");
  return relative(*place);
}

Scope Symbols::starts() const {
  Scope scope;
  for (const auto& [name, load] : loads_) {
    switch (load.kind) {
      case Load::Kind::kParameter: break;
      case Load::Kind::kMissing: scope.push_back({SlotStart::Kind::kMissing, load.slot, {}, {}}); break;
      case Load::Kind::kGlobal: scope.push_back({SlotStart::Kind::kGlobal, load.slot, {}, name}); break;
      case Load::Kind::kOuter:
        scope.push_back({SlotStart::Kind::kOuter, load.slot, relative(*parent_->find(name)), {}});
        break;
    }
  }
  return scope;
}

}  // namespace hearth::text::jinja
