// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What lies outside the server: the wire with the traffic's stations, and the judge of what arrives where.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "models/nic/nic_module.h"
#include "models/platform/machine_module.h"
#include "models/platform/results.h"
#include "models/platform/run.h"
#include "models/software/workloads/application.h"
#include "models/software/workloads/traffic.h"

namespace iovirt::platform {

class World final : public sc_core::sc_module, public software::TrafficBook, private sim::Actor {
 public:
  World(sc_core::sc_module_name name, Machine& machine, const software::Traffic& traffic, unsigned vms, Progress& progress);
  ~World() override;

  /// Application `vm` is about to run. When all are, the traffic starts a little later.
  void ready();
  /// Bring-up went wrong: the run ends.
  void fail(const std::string& why);
  const std::string& failure() const { return failure_; }
  bool started() const { return start_ != 0; }
  Ps start() const { return start_; }
  Ps end() const { return end_; }
  /// Called once, at start(): what was counted before is set-up.
  void set_on_start(std::function<void()> on_start) { on_start_ = std::move(on_start); }
  /// Called when the run has ended, in a process of the world's own: the software may go.
  void set_on_end(std::function<void()> on_end) { on_end_ = std::move(on_end); }
  /// Packets, latencies and bytes into `run`; whatever was never accounted for is an error there.
  void report(RunResult& run) const;

  // -- TrafficBook ------------------------------------------------------------------------------------------------
  void received(PacketId packet, std::span<const std::uint8_t> bytes, Ps now) override;
  bool reply_to(PacketId request, Ps now, PacketId& reply, std::span<const std::uint8_t>& bytes) override;
  bool scheduled_send(unsigned vm, std::size_t index, Ps& due) override;
  PacketId begin_send(unsigned vm, std::size_t index, Ps now, std::span<const std::uint8_t>& bytes) override;
  void dropped(PacketId packet) override;

 private:
  class Port;  // one NIC's wire
  enum What : std::uint32_t { begin, inject, quiet };

  void fire(std::uint32_t what, std::uint64_t arg) override;
  void inject_frame(std::uint32_t frame, PacketId answers);
  void frame_sent(const Frame& frame, Ps last_bit);
  void finish_one();
  void finish();
  PacketId open_tx(unsigned vm, std::uint32_t frame, Ps now, std::span<const std::uint8_t>& bytes);
  nic::Nic& nic_of(unsigned vm) { return *machine_.nics[vm % machine_.nics.size()]; }

  Machine& machine_;
  const software::Traffic& traffic_;
  unsigned vms_;
  Progress& progress_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<std::uint32_t> received_frames_;             ///< those the wire brings, in time order
  std::vector<std::vector<std::uint32_t>> sent_frames_;    ///< per VM, those it sends, in time order
  std::size_t next_inject_ = 0;
  std::vector<std::vector<std::uint8_t>> sending_;         ///< per VM: what its application is writing
  std::function<void()> on_start_;
  std::function<void()> on_end_;
  unsigned ready_ = 0;
  Ps start_ = 0;
  Ps end_ = 0;
  Ps last_activity_ = 0;
  std::uint64_t done_ = 0;
  std::uint64_t received_ = 0, transmitted_ = 0, dropped_ = 0, corrupted_ = 0, delivered_bytes_ = 0;
  Latency rx_, tx_, round_trip_;
  std::string failure_;
  sc_core::sc_event finished_;
};

}  // namespace iovirt::platform
