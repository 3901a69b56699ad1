// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The receive-stream NIC (nic_spec.h): packets from the senders go to pages of the rings in order, each with a completion;
// acknowledgements go back. A packet that finds no page waits, and all behind it: as with pause frames.
#pragma once

#include <deque>
#include <vector>

#include "models/pcie/endpoint_module.h"
#include "models/platform/stream/config.h"
#include "models/platform/stream/nic_spec.h"
#include "models/platform/stream/senders.h"

namespace iovirt::platform::stream {

class Nic final : public pcie::Endpoint, private sim::Actor {
 public:
  Nic(sc_core::sc_module_name name, const Config& config, unsigned rings, unsigned generation, unsigned width,
      sim::EventQueue& queue, sim::TransactionPool& pool);

  struct Counters {
    std::uint64_t packets = 0, acks = 0, interrupts = 0, errors = 0;
    std::uint64_t starved = 0;  ///< packets that waited for a page
  };
  const Counters& counters() const { return counters_; }

 private:
  enum What : std::uint32_t { wire, arrived, acknowledged, interrupt, look_again };
  enum Tag : std::uint64_t { data, completion, record, receive_descriptor, send_descriptor, ack, event };
  struct Ring {
    std::uint64_t registers[16] = {};
    bool enabled = false, armed = false, interrupt_due = false, fetching = false, looking = false, sending = false;
    std::deque<std::uint64_t> pages;
    std::uint64_t fetched = 0, received = 0, sent = 0, completed = 0, events = 0, page = 0;
  };
  static std::uint64_t tag(Tag what, unsigned ring) { return what | std::uint64_t{ring} << 8; }

  void fire(std::uint32_t what, std::uint64_t arg) override;
  std::uint64_t read_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes) override;
  void write_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;
  void dma_read_done(std::uint64_t tag, std::span<const std::uint8_t> bytes, bool ok, PacketId packet) override;
  void dma_write_done(std::uint64_t tag, bool ok) override;

  void pump_wire();
  void receive();
  void fetch(unsigned ring);
  void send(unsigned ring);
  void complete(unsigned ring, std::uint64_t base, std::uint64_t entries, std::uint64_t count, std::uint32_t flow,
                std::uint32_t bytes, std::uint64_t index);
  void want_interrupt(unsigned ring);

  const Config config_;
  Senders senders_;
  Ps packet_time_, wire_delay_, own_delay_, moderation_, look_again_;
  bool wire_busy_ = false;
  std::vector<Ring> rings_;
  std::deque<Packet> waiting_;
  bool head_starved_ = false;
  unsigned writing_ = 0;
  struct Window {
    std::uint32_t flow;
    std::uint64_t edge;
  };
  std::deque<Window> windows_;  ///< on their way to the senders
  std::vector<std::uint8_t> frame_;
  Counters counters_;
};

}  // namespace iovirt::platform::stream
