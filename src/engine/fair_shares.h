#pragma once
// Who is owed how many tokens: deficit round robin between keys. Every token computed for a key is taken off its account; when
// all keys that wait are in debt, each account gets the same amount. A key for which nothing waits saves nothing up, but keeps
// its debt while others wait.
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace hearth::engine {

class FairShares {
 public:
  void join(const std::string& key);                      // one more unfinished request of the key
  void leave(const std::string& key);
  // A key that has joined waits, as those in `waiting` do already: it is no better off than the best of them, or than anybody
  // where none waits.
  void begin_to_wait(const std::string& key, std::span<const std::string* const> waiting);
  void charge(const std::string& key, uint64_t tokens);   // of a key that has joined

  // The key to be served next, of those that wait (in the order of their turns). Asking again gives the same answer.
  size_t choose(std::span<const std::string* const> keys);
  int64_t credit(const std::string& key) const;           // tokens; negative: debt
  uint64_t changes() const { return changes_; }           // while it is the same, nobody's credit has risen, nor has any token been charged

 private:
  struct Account {
    int64_t credit = 0;
    uint32_t requests = 0;
  };
  void top_up(uint64_t rounds);

  std::unordered_map<std::string, Account> accounts_;
  uint64_t requests_ = 0, changes_ = 0;
};

// How many of `rows` each of several gets who want so many: nobody gets more than it wants, and nobody less than another
// unless it wants less. What cannot be divided goes to the first.
std::vector<uint32_t> share_out(uint32_t rows, std::span<const uint64_t> wanted);

}  // namespace hearth::engine
