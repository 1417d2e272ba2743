#include "engine/fair_shares.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

static constexpr int64_t kQuantum = 256;  // tokens

void FairShares::join(const std::string& key) {
  ++accounts_[key].requests;
  ++requests_;
}

// What others computed while nobody waited was taken from no one.
void FairShares::begin_to_wait(const std::string& key, std::span<const std::string* const> waiting) {
  Account& account = accounts_.at(key);
  int64_t most = waiting.empty() ? INT64_MAX : INT64_MIN;
  for (const std::string* other : waiting) most = std::max(most, credit(*other));
  if (waiting.empty())
    for (const auto& [name, other] : accounts_)
      if (other.requests > 0) most = std::min(most, other.credit);
  account.credit = std::min(account.credit, most);
}

void FairShares::leave(const std::string& key) {
  const auto found = accounts_.find(key);
  HEARTH_CHECK(found != accounts_.end() && found->second.requests > 0, "a key left that had not joined");
  Account& account = found->second;
  if (--account.requests == 0) account.credit = std::min<int64_t>(account.credit, 0);
  if (--requests_ == 0) accounts_.clear();  // nobody was kept waiting: there is nothing to make up for
}

void FairShares::charge(const std::string& key, uint64_t tokens) {
  accounts_.at(key).credit -= static_cast<int64_t>(tokens);
  ++changes_;
}

int64_t FairShares::credit(const std::string& key) const {
  const auto found = accounts_.find(key);
  return found == accounts_.end() ? 0 : found->second.credit;
}

void FairShares::top_up(uint64_t rounds) {
  ++changes_;
  for (auto& [key, account] : accounts_) {
    account.credit += static_cast<int64_t>(rounds) * kQuantum;
    if (account.requests == 0) account.credit = std::min<int64_t>(account.credit, 0);
  }
  std::erase_if(accounts_, [](const auto& entry) { return entry.second.requests == 0 && entry.second.credit == 0; });
}

size_t FairShares::choose(std::span<const std::string* const> keys) {
  HEARTH_CHECK(!keys.empty(), "nobody waits");
  int64_t best = INT64_MIN;
  for (const std::string* key : keys) best = std::max(best, credit(*key));
  if (best <= 0 && keys.size() > 1) top_up(static_cast<uint64_t>(-best / kQuantum + 1));
  for (size_t i = 0; i < keys.size(); ++i)
    if (credit(*keys[i]) > 0) return i;
  return 0;
}

std::vector<uint32_t> share_out(uint32_t rows, std::span<const uint64_t> wanted) {
  std::vector<uint32_t> shares(wanted.size());
  for (;;) {
    uint32_t unmet = 0;
    for (size_t i = 0; i < wanted.size(); ++i) unmet += shares[i] < wanted[i];
    if (unmet == 0 || rows == 0) return shares;
    const uint32_t each = std::max<uint32_t>(1, rows / unmet);
    for (size_t i = 0; i < wanted.size() && rows > 0; ++i) {
      const uint32_t more = static_cast<uint32_t>(std::min<uint64_t>({each, wanted[i] - shares[i], rows}));
      shares[i] += more;
      rows -= more;
    }
  }
}

}  // namespace hearth::engine
