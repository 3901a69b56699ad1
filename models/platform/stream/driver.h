// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's driver of the receive-stream NIC, as mlx5's with striding receive queues: descriptors of 64 pages, each page
// mapped when the descriptor is posted, all unmapped when its last packet has come; packets merged before they go up.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "models/platform/stream/config.h"
#include "models/platform/stream/nic_spec.h"
#include "models/software/guest/pci_device.h"
#include "models/software/host/host_kernel.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::platform::stream {

/// Who takes merged packets: TCP.
class PacketSink {
 public:
  /// In softirq context. The pages are the sink's until it gives them to Driver::release; each holds one frame.
  virtual void receive(std::uint32_t flow, std::span<const std::uint64_t> pages) = 0;

 protected:
  ~PacketSink() = default;
};

class Driver final : public software::NetDriver {
 public:
  Driver(software::HostKernel& kernel, software::Bdf function, const Config& config, unsigned rings, PacketSink& sink);

  void open() override;
  MacAddress mac() const override { return {}; }
  unsigned queues() const override { return static_cast<unsigned>(rings_.size()); }
  bool transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) override;
  unsigned poll(unsigned queue, unsigned budget) override;
  /// The stack is done with a page. REQUIRES: it had it from receive().
  void release(std::uint64_t page) { drop(page); }

  struct Counters {
    std::uint64_t packets = 0, polls = 0, merged = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Page {
    std::uint64_t address = 0, bus = 0;
  };
  using Descriptor = std::array<Page, spec::kPagesPerDescriptor>;
  struct Group {
    std::uint32_t flow = 0;
    std::vector<std::uint64_t> pages;
  };
  struct Sent {
    std::uint64_t buffer, bus;
    std::uint32_t bytes;
    bool written;
  };
  struct Ring {
    std::uint64_t registers = 0;  ///< the ring's block in BAR0
    std::uint64_t descriptors = 0, completions = 0, sends = 0, send_completions = 0, record = 0;
    std::vector<Descriptor> posted;
    std::uint32_t produced = 0;     ///< descriptors
    std::uint64_t consumed = 0;     ///< packets
    std::uint64_t sent = 0, rung = 0, cleaned = 0;
    std::deque<Sent> in_flight;
    bool ringing = false;
    std::vector<Group> groups;      ///< packets held for merging, by flow
  };

  std::uint64_t coherent(std::uint64_t bytes, std::uint64_t& bus);
  void start(unsigned index);
  void post_descriptor(Ring& ring);
  void retire_descriptor(Ring& ring, Descriptor& descriptor);
  void clean_sends(Ring& ring);
  void merge(Ring& ring, std::uint32_t flow, std::uint64_t page);
  void pass_up(Group& group);
  void drop(std::uint64_t page);

  software::HostKernel& kernel_;
  software::PciDevice pci_;
  const Config config_;
  PacketSink& sink_;
  std::vector<Ring> rings_;
  std::vector<std::uint8_t> users_;  ///< of a page, by its number: its descriptor, the stack
  Counters counters_;
};

}  // namespace iovirt::platform::stream
