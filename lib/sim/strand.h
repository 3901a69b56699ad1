// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A thread of software on a stack of its own, scheduled by the path's time: it runs until it waits (EventQueue::wait).
//
// The stack is a coroutine of SystemC's own package, entered from the queue's SC_METHOD, so that switching from strand to
// strand is one exchange of stack pointers. A strand is no SystemC process: it must not call sc_core::wait.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "lib/sim/event_queue.h"

namespace sc_core {
class sc_cor;
class sc_cor_pkg;
}

namespace iovirt::sim {

class Strand {
 public:
  /// Begins at the path's time; before the simulation, with it. What `body` throws comes out of sc_start.
  Strand(EventQueue& queue, std::size_t stack_bytes, std::function<void()> body);
  /// The stack goes as it is: end() before, if what lies on it must be destroyed.
  ~Strand();
  Strand(const Strand&) = delete;
  Strand& operator=(const Strand&) = delete;

  /// Unwinds a strand that waits. REQUIRES: called from an SC_METHOD.
  void end();

 private:
  friend class EventQueue;
  struct Ended {};  // unwinds the stack

  static void entry(void* self);
  void run();
  /// From whoever runs to this strand; returns when somebody goes back there.
  void enter();
  [[gnu::noinline]] void begin();
  /// From the strand that runs to the SC_METHOD behind all of them.
  static void leave();

  std::unique_ptr<sc_core::sc_cor> stack_;
  sc_core::sc_cor_pkg* package_ = nullptr;
  bool ending_ = false;
  bool finished_ = false;
  EventQueue& queue_;
  std::size_t stack_bytes_;
  std::function<void()> body_;
};

}  // namespace iovirt::sim
