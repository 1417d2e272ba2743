#pragma once
// The whole terminal as a picture that is drawn again and again: the other screen, no cursor, keys without Enter. The
// terminal is as it was when this goes, however the program is asked to end.
#include <signal.h>
#include <termios.h>

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::apps {

class Screen {
 public:
  Screen();   // standard input and output must be terminals; one at a time
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // Replaces the picture in one write; lines below the last row are left out. A line must leave the last column free: what
  // wipes the rest of a full one takes its last character too.
  void draw(const std::vector<std::string>& lines);

  enum class Event { kTimeout, kResize, kQuit };
  Event wait(std::chrono::milliseconds timeout);

  size_t columns() const;
  size_t rows() const;
  const std::atomic<bool>& quits() const;  // q, Ctrl-C, SIGTERM, SIGHUP, or the terminal is gone

 private:
  termios before_{};
  struct sigaction actions_[4] = {};
};

}  // namespace hearth::apps
