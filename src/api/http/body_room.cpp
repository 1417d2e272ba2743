#include "api/http/body_room.h"

#include <algorithm>

namespace hearth::api {

std::unique_ptr<BodyRoom::Claim> BodyRoom::claim(std::string key, size_t bytes, std::function<void()> found) {
  std::unique_ptr<Claim> claim(new Claim(*this, std::move(key), std::min(bytes, bytes_), std::move(found)));
  waiting_.push_back(claim.get());
  serve();
  return claim;
}

BodyRoom::Claim::~Claim() {
  if (!has_room_) {
    std::erase(room_.waiting_, this);
  } else {
    room_.held_ -= bytes_;
    const auto held = room_.held_by_.find(key_);
    if ((held->second -= bytes_) == 0) room_.held_by_.erase(held);
  }
  room_.serve();
}

bool BodyRoom::may_hold(const Claim& claim) const {
  const auto held = held_by_.find(claim.key_);
  return held == held_by_.end() || held->second + claim.bytes_ <= (bytes_ - (held_ - held->second)) / 2;
}

// A key that has its share lets others pass. The first body of a key does not: else smaller ones could keep it waiting for ever.
void BodyRoom::serve() {
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    Claim& claim = **next;
    if (!may_hold(claim)) {
      ++next;
      continue;
    }
    if (held_ + claim.bytes_ > bytes_) return;
    next = waiting_.erase(next);
    held_ += claim.bytes_;
    held_by_[claim.key_] += claim.bytes_;
    claim.has_room_ = true;
    claim.found_();
  }
}

}  // namespace hearth::api
