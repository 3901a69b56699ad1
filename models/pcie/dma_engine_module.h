// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A PCIe function that does nothing but DMA: the card of a benchmark. Software gives it a window of bus addresses, a
// transfer size and a test; it moves `count` transfers within the window and keeps how long they took.
#pragma once

#include <cstdint>
#include <vector>

#include "models/pcie/dma_engine_config.h"
#include "models/pcie/endpoint_module.h"

namespace iovirt::pcie {

/// BAR0, 64-bit registers. A test starts when CONTROL is written; the others are taken over at that moment.
namespace dma_engine {
inline constexpr std::uint16_t kVendor = 0x1af4, kDevice = 0xd3a0;
inline constexpr std::uint64_t kControl = 0x00;  ///< [3:0] Test, [8] random
inline constexpr std::uint64_t kWindow = 0x08;   ///< bus address of the window
inline constexpr std::uint64_t kWindowBytes = 0x10;
inline constexpr std::uint64_t kTransferBytes = 0x18;
inline constexpr std::uint64_t kOffset = 0x20;   ///< of each transfer in its place of whole cache lines
inline constexpr std::uint64_t kCount = 0x28;
inline constexpr std::uint64_t kSeed = 0x30;
inline constexpr std::uint64_t kStatus = 0x38;   ///< [0] busy, [1] the test made no sense or a transfer failed
inline constexpr std::uint64_t kElapsed = 0x40;  ///< ps from the first command to the last completion

enum class Test : std::uint8_t { latency_read, latency_write_read, bandwidth_read, bandwidth_write, bandwidth_both };
inline constexpr std::uint64_t kRandom = 1u << 8, kBusy = 1, kFailed = 2;
}  // namespace dma_engine

class DmaEngine : public Endpoint, private sim::Actor {
 public:
  struct LinkWidth {
    unsigned mps_bytes = 256, generation = 3, width = 8;
  };
  DmaEngine(sc_core::sc_module_name name, const DmaEngineConfig& config, const LinkWidth& link, sim::EventQueue& queue,
            sim::TransactionPool& pool);

  /// Of the last latency test: each transfer's, in steps of the card's timer.
  const std::vector<Ps>& journal() const { return journal_; }

 private:
  enum What : std::uint32_t { kIssue, kSend, kSeen };
  void fire(std::uint32_t what, std::uint64_t arg) override;
  std::uint64_t read_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes) override;
  void write_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;
  void dma_read_done(std::uint64_t tag, std::span<const std::uint8_t> bytes, bool ok, PacketId packet) override;
  void dma_write_done(std::uint64_t tag, bool ok) override;

  bool measures_latency() const {
    return test_ == dma_engine::Test::latency_read || test_ == dma_engine::Test::latency_write_read;
  }
  void start(std::uint64_t control);
  void command();
  void send(bool write);
  void issue();
  void landed(bool ok);
  std::uint64_t next_address();
  Ps ticks(Ps at) const { return timer_ == 0 ? at : at / timer_ * timer_; }

  const DmaEngineConfig config_;
  const Ps transfer_time_, unit_time_, write_interval_, request_, completion_, write_, timer_;

  std::uint64_t registers_[8] = {};
  bool busy_ = false, failed_ = false;
  dma_engine::Test test_ = dma_engine::Test::latency_read;
  bool random_ = false;
  std::uint32_t bytes_ = 0;
  std::uint64_t place_bytes_ = 0, places_ = 0, place_ = 0, random_state_ = 0;
  std::uint64_t issued_ = 0, done_ = 0, count_ = 0;
  unsigned reads_ = 0, writes_ = 0;  ///< under way
  bool stalled_ = false;             ///< the next transfer waits for one under way
  std::uint64_t address_ = 0;        ///< of a latency test's transfer
  Ps started_ = 0, command_at_ = 0, elapsed_ = 0, next_write_ = 0;
  std::vector<std::uint8_t> data_;
  std::vector<Ps> journal_;
};

}  // namespace iovirt::pcie
