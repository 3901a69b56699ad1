// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Host memory as devices, the IOMMU's walkers and cores meet it: RAM behind a last-level cache and DRAM channels.
//
// dma_in (any number bound; protocol: lib/sim/transaction.h): the request is timed when it arrives and its bytes move
// when it commits, at which moment the response goes back. Writes commit in the order they arrived. A range that is not
// RAM gets TLM_ADDRESS_ERROR_RESPONSE after the latency of a hit. DMI and transport_dbg give RAM itself, untimed.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <systemc>
#include <tlm>

#include "lib/sim/direct_socket.h"
#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"
#include "lib/timed_resource.h"
#include "models/memory/config.h"
#include "models/memory/llc.h"
#include "models/memory/ram.h"

namespace iovirt::memory {

class Memory : public sc_core::sc_module, private sim::Actor {
  tlm::tlm_sync_enum request(int id, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);

 public:
  sim::DirectMultiTargetSocket<Memory, &Memory::request> dma_in;

  /// Throws std::invalid_argument when `config` makes no sense. `queue` must outlive this.
  Memory(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue);
  /// The same, with the bytes in `store` instead of RAM: cache and channels as configured, no DMI, no ram() to use.
  Memory(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, MemoryPort& store);

  /// The bytes, for DMI and for a walk that the caller times itself.
  Ram& ram() { return ram_; }
  std::uint8_t* data() { return ram_.data(); }

  /// What a core waits for [address, address + bytes) from the last-level cache or DRAM, at the path's time; lines of
  /// one access overlap by Config::memory_parallelism. Updates the tags and uses channel bandwidth. Moves no bytes.
  Ps cpu_access(std::uint64_t address, std::uint64_t bytes, bool write);

  struct Counters {
    std::uint64_t device_reads = 0, device_writes = 0;  ///< requests
    std::uint64_t device_line_hits = 0, device_line_misses = 0;
    std::uint64_t core_line_hits = 0, core_line_misses = 0;
    std::uint64_t write_backs = 0;
    std::uint64_t errors = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  bool direct(int id, tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);
  unsigned debug(int id, tlm::tlm_generic_payload& payload);
  bool move(tlm::tlm_generic_payload& payload);
  static void note_packet(const tlm::tlm_generic_payload& payload, sim::RequesterExtension& ext);
  void fire(std::uint32_t what, std::uint64_t arg) override;

  void serve(std::uint32_t id, tlm::tlm_generic_payload& payload, Ps now);
  Ps device_read(std::uint64_t address, std::uint64_t bytes, Ps now, bool exclusive);
  Ps device_write(std::uint64_t address, std::uint64_t bytes, Ps now);
  Ps device_read_line(std::uint64_t line, Ps now);
  Ps exclusive_read_line(std::uint64_t line, Ps now);
  Ps device_write_line(std::uint64_t line, Ps now);
  template <class One>
  Ps of_lines(std::uint64_t address, std::uint64_t bytes, Ps now, One&& one);
  template <class One>
  Ps of_many_lines(std::uint64_t address, std::uint64_t bytes, Ps now, One&& one);
  Ps cpu_line(std::uint64_t line, bool write);
  Ps fetch(std::uint64_t line, Ps now);
  Ps write_back(std::uint64_t line, Ps now);
  bool contains(std::uint64_t address, std::uint64_t bytes) const { return store_ != nullptr || ram_.contains(address, bytes); }
  std::uint64_t index_of_channel(std::uint64_t line) const {
    return channel_mask_ != kDivide ? line & channel_mask_ : line % channels_.size();
  }
  TimedResource& channel_of(std::uint64_t line) { return channels_[index_of_channel(line)]; }
  Ps claim_channel(std::uint64_t line, Ps now);

  sim::EventQueue& queue_;
  MemoryPort* store_ = nullptr;  // instead of ram_
  Ram ram_;
  Llc llc_;
  Ps llc_latency_;
  Ps device_latency_;  // of a hit
  Ps dram_latency_, line_time_, backlog_;
  Ps read_interval_, line_interval_;
  bool paced_;  // by either of these
  Ps refresh_interval_, refresh_;
  TimedResource read_port_;
  unsigned parallelism_;
  std::vector<TimedResource> channels_;
  static constexpr std::uint64_t kDivide = ~0ull;
  std::uint64_t channel_mask_;        // kDivide unless their number is a power of two
  sim::Lane turns_;                   // reads that wait for the port
  // When they commit: whatever takes a hit's time, in order; other reads and writes, nearly in order.
  enum { kHits, kMisses, kWrites };
  std::array<sim::Lane, 3> commits_;
  Ps last_write_commit_ = 0;
  Counters counters_;
};

}  // namespace iovirt::memory
