// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The receiving ends: TCP as far as it decides when an acknowledgement goes out, and processes that read as fast as they
// can. A flow's interrupts, softirqs and process share one core, as with aRFS.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "models/platform/stream/config.h"
#include "models/platform/stream/driver.h"
#include "models/software/host/host_kernel.h"

namespace iovirt::platform::stream {

class Receivers final : public PacketSink, private software::RxHandler {
 public:
  /// Spawns a process a flow. REQUIRES: before the simulation starts.
  Receivers(software::HostKernel& kernel, const Config& config);

  /// The flows' windows open: the first acknowledgements go out. `driver` must outlive this.
  void start(Driver& driver);
  /// Called in a process when `packets` have been read altogether.
  void when_read(std::uint64_t packets, std::function<void()> action) { actions_.push_back({packets, std::move(action)}); }

  void receive(std::uint32_t flow, std::span<const std::uint64_t> pages) override;

  std::uint64_t read() const { return read_; }            ///< packets, by all processes
  std::uint64_t acks() const { return acks_; }
  std::uint64_t misplaced() const { return misplaced_; }  ///< packets whose bytes were not what was sent

 private:
  struct Flow {
    std::uint32_t number = 0;
    software::HostThread* thread = nullptr;
    std::deque<std::uint64_t> pages;
    std::uint64_t received = 0, read = 0, acknowledged = 0, edge = 0;
    std::uint64_t user = 0;  ///< where it reads to
  };
  struct Action {
    std::uint64_t packets;
    std::function<void()> run;
  };
  void run(Flow& flow);
  void acknowledge(Flow& flow);

  // RxHandler: frames go up through receive() above
  void receive(software::NetDriver&, unsigned, std::uint64_t, std::uint64_t, std::uint32_t) override {}
  void wake_queue(software::NetDriver&, unsigned) override {}
  void poll_done(software::NetDriver&, unsigned) override {}

  software::HostKernel& kernel_;
  const Config config_;
  Driver* driver_ = nullptr;
  std::deque<Flow> flows_;
  std::deque<Action> actions_;
  std::uint64_t read_ = 0, acks_ = 0, misplaced_ = 0;
};

}  // namespace iovirt::platform::stream
