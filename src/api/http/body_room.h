#pragma once
// Room for the bodies of requests while they arrive, shared by all connections. A body claims the room for all of it before it is
// read on: what is being read can always be read to its end. Who finds no room waits, oldest first.
//
// A key has room for one body, if there is any, and for more only in one half of what the others leave. So however many bodies a
// client sends, and however slowly, half of the room is left to the others.
#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

namespace hearth::api {

// For one thread.
class BodyRoom {
 public:
  explicit BodyRoom(size_t bytes) : bytes_(bytes) {}

  // One body: the room it has, or its place among those that wait. Gives both back at its end.
  class Claim {
   public:
    ~Claim();
    Claim(const Claim&) = delete;
    bool has_room() const { return has_room_; }

   private:
    friend BodyRoom;
    Claim(BodyRoom& room, std::string key, size_t bytes, std::function<void()> found)
        : room_(room), key_(std::move(key)), bytes_(bytes), found_(std::move(found)) {}

    BodyRoom& room_;
    const std::string key_;
    const size_t bytes_;
    const std::function<void()> found_;
    bool has_room_ = false;
  };

  // `found` is called once there is room, perhaps at once; it must not end a claim. More than all of the room counts as all of it.
  std::unique_ptr<Claim> claim(std::string key, size_t bytes, std::function<void()> found);

 private:
  bool may_hold(const Claim& claim) const;
  void serve();  // those that wait

  const size_t bytes_;
  size_t held_ = 0;
  std::unordered_map<std::string, size_t> held_by_;  // key; none of 0
  std::list<Claim*> waiting_;
};

}  // namespace hearth::api
