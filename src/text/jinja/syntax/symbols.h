#pragma once
// What one scope knows of its names: the bookkeeping behind scope.cpp, after jinja2/idtracking.py.
#include <map>
#include <optional>
#include <set>
#include <string>

#include "text/jinja/syntax/ast.h"

namespace hearth::text::jinja {

// A function being resolved: its slots are handed out one by one.
struct FunctionSlots {
  uint16_t level = 0;  // how many functions enclose it
  uint32_t used = 0;
};

class Symbols {
 public:
  Symbols(Symbols* parent, FunctionSlots* function) : parent_(parent), function_(function) {}

  void load(const std::string& name);                   // the name is read here
  void store(const std::string& name);                  // the name is assigned here
  uint16_t declare_parameter(const std::string& name);  // the name has a value when the scope is entered

  // Takes over what the branches of an `if`, begun as copies of this, have learnt.
  void merge(const std::vector<Symbols>& branches);

  Ref ref(const std::string& name) const;  // load() or store() must have seen it, here or further out
  Scope starts() const;                    // how the variables start when the scope is entered
  FunctionSlots& function() const { return *function_; }
  size_t size() const { return loads_.size() + stores_.size(); }  // what a copy costs

 private:
  struct Load {
    enum class Kind : uint8_t { kParameter, kMissing, kGlobal, kOuter } kind;
    uint16_t slot = 0;
  };
  struct Place {
    const FunctionSlots* function;
    uint16_t slot;
  };

  std::optional<Place> find(const std::string& name) const;
  Ref relative(const Place& place) const;
  void define(const std::string& name, Load::Kind kind);

  Symbols* parent_;
  FunctionSlots* function_;
  std::map<std::string, Load> loads_;
  std::set<std::string> stores_;
};

}  // namespace hearth::text::jinja
