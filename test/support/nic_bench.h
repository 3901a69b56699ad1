// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A network controller on a desk: memory, a clock and a wire around nic::Core, and rings as a driver would keep them.
#pragma once

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "models/nic/core.h"

namespace iovirt::nic::test {

inline constexpr std::uint64_t kMac0 = 0x0200'0000'0000;  ///< 02:00:00:00:00:<pool>, as written

inline std::vector<std::uint8_t> frame_bytes(std::uint64_t destination, std::uint64_t source, std::size_t size, unsigned seed = 0,
                                             int vlan = -1) {
  std::vector<std::uint8_t> bytes;
  for (int i = 5; i >= 0; --i) bytes.push_back(static_cast<std::uint8_t>(destination >> (8 * i)));
  for (int i = 5; i >= 0; --i) bytes.push_back(static_cast<std::uint8_t>(source >> (8 * i)));
  if (vlan >= 0) {
    bytes.insert(bytes.end(), {0x81, 0x00, static_cast<std::uint8_t>(vlan >> 8), static_cast<std::uint8_t>(vlan)});
  }
  bytes.insert(bytes.end(), {0x08, 0x00});
  while (bytes.size() < size) bytes.push_back(static_cast<std::uint8_t>(seed * 31 + bytes.size() * 7));
  return bytes;
}

class NicBench final : public Host {
 public:
  explicit NicBench(const Config& config = {}, PacketLedger* ledger = nullptr) : core(*this, config, ledger) {}

  // -- the world ---------------------------------------------------------------------------------------------------------
  struct Interrupt {
    unsigned function, vector;
    Ps at;
  };
  std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(8 << 20);
  std::vector<Frame> sent;
  std::vector<Ps> sent_at;
  std::vector<Interrupt> interrupts;
  std::vector<std::pair<PacketId, Drop>> drops;
  std::vector<unsigned> requesters;  ///< functions that did DMA, one bit each
  std::uint32_t functions_seen = 0;
  Ps read_latency = 500'000, write_latency = 300'000;
  PacketId packet_of_next_read = 0;

  Ps now() const override { return now_; }
  void dma_read(unsigned function, std::uint64_t address, std::uint32_t bytes, std::uint64_t token, DmaPacket packet) override {
    functions_seen |= 1u << function;
    post(now_ + read_latency, {Event::read, address, bytes, token, packet.first ? packet_of_next_read : 0});
  }
  void dma_write(unsigned function, std::uint64_t address, std::span<const std::uint8_t> bytes, std::uint64_t token, DmaPacket) override {
    functions_seen |= 1u << function;
    committed_ = std::max(committed_, now_ + write_latency);
    post(committed_, {Event::write, address, static_cast<std::uint32_t>(bytes.size()), token, 0, {bytes.begin(), bytes.end()}});
  }
  void msix(unsigned function, unsigned vector, NoticeId) override { interrupts.push_back({function, vector, now_}); }
  void start_timer(Ps at, std::uint32_t what, std::uint64_t arg) override { post(at, {Event::timer, what, 0, arg}); }
  void frame_out(Frame&& frame) override {
    sent.push_back(std::move(frame));
    sent_at.push_back(now_);
  }
  void frame_dropped(PacketId packet, Drop reason) override { drops.emplace_back(packet, reason); }

  /// Everything up to and including `until`.
  void run(Ps until) {
    while (!events_.empty() && events_.front().at <= until) step();
    now_ = std::max(now_, until);
  }
  void run_for(Ps time) { run(now_ + time); }
  /// Until nothing is under way.
  void settle() {
    while (!events_.empty()) step();
  }
  bool idle() const { return events_.empty(); }

  // -- software ------------------------------------------------------------------------------------------------------------
  template <class Word>
  Word load(std::uint64_t address) const {
    Word word;
    std::memcpy(&word, memory.data() + address, sizeof word);
    return word;
  }
  template <class Word>
  void store(std::uint64_t address, Word word) {
    std::memcpy(memory.data() + address, &word, sizeof word);
  }
  std::vector<std::uint8_t> bytes_at(std::uint64_t address, std::size_t size) const {
    return {memory.begin() + static_cast<std::ptrdiff_t>(address), memory.begin() + static_cast<std::ptrdiff_t>(address + size)};
  }
  std::uint64_t allocate(std::size_t bytes) {
    const std::uint64_t at = (next_ + 4095) / 4096 * 4096;
    next_ = at + bytes;
    return at;
  }
  /// CTRL, RCTL, TCTL and broadcast, as a driver leaves them.
  void open() {
    core.write(igb::RCTL, igb::kRctlRxEn | igb::kRctlBam | igb::kRctlSecrc);
    core.write(igb::TCTL, igb::kTctlEn | igb::kTctlPsp);
  }
  void set_address(unsigned entry, std::uint64_t mac, std::uint32_t pools) {
    std::uint64_t raw = 0;
    for (unsigned i = 0; i < 6; ++i) raw |= (mac >> (40 - 8 * i) & 0xff) << (8 * i);
    core.write(igb::RAL(entry), static_cast<std::uint32_t>(raw));
    core.write(igb::RAH(entry), static_cast<std::uint32_t>(raw >> 32 | igb::RahPools::of(pools)) | igb::kRahValid);
  }
  /// VMDq: pool n has kMac0 + n and takes broadcasts.
  void open_pools(unsigned pools) {
    core.write(igb::MRQC, igb::kMrqcVmdq);
    core.write(igb::VT_CTL, igb::kVtCtlReplication | igb::kVtCtlDisableDefault);
    for (unsigned i = 0; i < pools; ++i) {
      set_address(i, kMac0 + i, 1u << i);
      core.write(igb::VMOLR(i), igb::kVmolrBam | igb::kVmolrAupe | igb::kVmolrLpe | 0x2600);
    }
    open();
  }
  void receive(std::vector<std::uint8_t> bytes, PacketId packet = 0) { core.wire_in({std::move(bytes), packet}); }

  Core core;

 private:
  struct Event {
    enum Kind { read, write, timer } kind;
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint64_t token;
    PacketId packet = 0;
    std::vector<std::uint8_t> data = {};
    Ps at = 0;
    std::uint64_t sequence = 0;
  };
  static bool later(const Event& a, const Event& b) { return a.at != b.at ? a.at > b.at : a.sequence > b.sequence; }
  void post(Ps at, Event event) {
    event.at = at;
    event.sequence = sequence_++;
    events_.push_back(std::move(event));
    std::push_heap(events_.begin(), events_.end(), later);
  }
  void step() {
    std::pop_heap(events_.begin(), events_.end(), later);
    Event event = std::move(events_.back());
    events_.pop_back();
    now_ = event.at;
    const bool ok = event.kind == Event::timer || (event.address < memory.size() && event.address + event.bytes <= memory.size());
    switch (event.kind) {
      case Event::read: {
        std::vector<std::uint8_t> data = ok ? bytes_at(event.address, event.bytes) : std::vector<std::uint8_t>(event.bytes);
        core.dma_read_done(event.token, data, ok, event.packet);
        break;
      }
      case Event::write:
        if (ok) std::copy(event.data.begin(), event.data.end(), memory.begin() + static_cast<std::ptrdiff_t>(event.address));
        core.dma_write_done(event.token, ok);
        break;
      case Event::timer: core.timer(static_cast<std::uint32_t>(event.address), event.token); break;
    }
  }

  Ps now_ = 0, committed_ = 0;
  std::uint64_t sequence_ = 0, next_ = 4096;
  std::vector<Event> events_;
};

/// A receive ring with buffers of 2 KB each.
class RxDriver {
 public:
  RxDriver(NicBench& bench, unsigned queue, std::uint32_t count = 256, std::uint32_t control = 0)
      : bench_(bench), at_(igb::rx_ring(queue)), count_(count), ring_(bench.allocate(count * 16)),
        buffers_(bench.allocate(count * 2048ull)) {
    auto& core = bench.core;
    core.write(at_ + igb::RDBAL, static_cast<std::uint32_t>(ring_));
    core.write(at_ + igb::RDBAH, 0);
    core.write(at_ + igb::RDLEN, count * 16);
    core.write(at_ + igb::SRRCTL, static_cast<std::uint32_t>(igb::SrrctlBufferKb::of(2) | igb::SrrctlDescriptor::of(igb::kSrrctlAdvanced)));
    core.write(at_ + igb::RXDCTL, control | igb::kDctlEnable);
  }
  /// Gives `n` more buffers and writes the tail.
  void refill(std::uint32_t n) {
    for (std::uint32_t i = 0; i < n; ++i, tail_ = (tail_ + 1) % count_) {
      bench_.store(ring_ + 16 * tail_, buffers_ + 2048ull * tail_);
      bench_.store<std::uint64_t>(ring_ + 16 * tail_ + 8, 0);
    }
    bench_.core.write(at_ + igb::RDT, tail_);
  }
  /// The next frame, when its descriptors say so; empty when not.
  std::vector<std::uint8_t> poll() {
    std::vector<std::uint8_t> frame;
    for (std::uint32_t i = next_;; i = (i + 1) % count_) {
      last_status = bench_.load<std::uint64_t>(ring_ + 16 * i + 8);
      if (i == tail_ || (last_status & igb::rx_adv::kDd) == 0) return {};
      const auto bytes = bench_.bytes_at(buffers_ + 2048ull * i, igb::rx_adv::Length::get(last_status));
      frame.insert(frame.end(), bytes.begin(), bytes.end());
      if ((last_status & igb::rx_adv::kEop) == 0) continue;
      next_ = (i + 1) % count_;
      return frame;
    }
  }
  std::uint32_t owned() const { return (tail_ + count_ - next_) % count_; }
  std::uint64_t ring() const { return ring_; }
  std::uint32_t base() const { return at_; }
  std::uint64_t last_status = 0;

 private:
  NicBench& bench_;
  std::uint32_t at_, count_, tail_ = 0, next_ = 0;
  std::uint64_t ring_, buffers_;
};

/// A transmit ring; one buffer of 2 KB a descriptor.
class TxDriver {
 public:
  TxDriver(NicBench& bench, unsigned queue, std::uint32_t count = 256, std::uint32_t control = 0)
      : bench_(bench), at_(igb::tx_ring(queue)), count_(count), ring_(bench.allocate(count * 16)),
        buffers_(bench.allocate(count * 2048ull)) {
    auto& core = bench.core;
    core.write(at_ + igb::TDBAL, static_cast<std::uint32_t>(ring_));
    core.write(at_ + igb::TDLEN, count * 16);
    core.write(at_ + igb::TXDCTL, control | igb::kDctlEnable);
  }
  bool full() const { return (tail_ + 1) % count_ == next_; }
  std::uint32_t in_use() const { return (tail_ + count_ - next_) % count_; }
  /// Puts a frame on the ring in one buffer, without telling the controller.
  void put(const std::vector<std::uint8_t>& bytes, std::uint64_t extra = 0) {
    const std::uint64_t buffer = buffers_ + 2048ull * tail_;
    std::copy(bytes.begin(), bytes.end(), bench_.memory.begin() + static_cast<std::ptrdiff_t>(buffer));
    put_descriptor(buffer, igb::tx::whole_frame(static_cast<std::uint32_t>(bytes.size())) | extra);
  }
  void put_descriptor(std::uint64_t low, std::uint64_t high) {
    bench_.store(ring_ + 16 * tail_, low);
    bench_.store(ring_ + 16 * tail_ + 8, high);
    tail_ = (tail_ + 1) % count_;
  }
  void kick() { bench_.core.write(at_ + igb::TDT, tail_); }
  void send(const std::vector<std::uint8_t>& bytes, std::uint64_t extra = 0) {
    put(bytes, extra);
    kick();
  }
  bool done(std::uint32_t index) const { return (bench_.load<std::uint64_t>(ring_ + 16 * index + 8) & igb::tx::kDd) != 0; }
  /// Takes back what is done; how many descriptors.
  std::uint32_t clean() {
    std::uint32_t n = 0;
    for (; next_ != tail_ && done(next_); ++n, next_ = (next_ + 1) % count_) bench_.store<std::uint64_t>(ring_ + 16 * next_ + 8, 0);
    return n;
  }
  std::uint64_t buffer(std::uint32_t index) const { return buffers_ + 2048ull * index; }
  std::uint32_t tail() const { return tail_; }
  std::uint32_t base() const { return at_; }

 private:
  NicBench& bench_;
  std::uint32_t at_, count_, tail_ = 0, next_ = 0;
  std::uint64_t ring_, buffers_;
};

}  // namespace iovirt::nic::test
