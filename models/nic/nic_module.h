// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The controller as a PCIe device: configuration space of the PF and its VFs, BARs, DMA, MSI-X, and a port to the wire.
// Sockets tlp_out and tlp_in as of pcie::Endpoint. PF: BAR0 registers, BAR3 MSI-X; VFs: the same two as VF BARs.
#pragma once

#include "models/nic/core.h"
#include "models/pcie/endpoint_module.h"

namespace iovirt::nic {

/// Where transmitted frames go.
class WireSink {
 public:
  /// The frame's last bit has left at `last_bit`, which is the path's time. Give the bytes back to Nic::frames() when done.
  virtual void frame_sent(Frame&& frame, Ps last_bit) = 0;
  /// A received or sent packet came to nothing inside the controller.
  virtual void frame_dropped(PacketId packet, Drop reason) = 0;

 protected:
  ~WireSink() = default;
};

class Nic final : public pcie::Endpoint, private Host {
 public:
  /// Throws std::invalid_argument when `config` makes no sense. References and `ledger` (may be null) must outlive this.
  Nic(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, sim::TransactionPool& pool, PacketLedger* ledger);

  /// REQUIRES: before the simulation starts. None: what is sent is thrown away.
  void set_wire(WireSink& sink) { sink_ = &sink; }
  /// When a frame's first bit could arrive at the earliest.
  Ps wire_free_at() const { return core_.wire_free_at(); }
  /// At the path's time: the first bit arrives now, or when the frames before it are through.
  void wire_in(Frame&& frame) { core_.wire_in(std::move(frame)); }
  /// Buffers for frames: take() for wire_in, give() after frame_sent.
  FramePool& frames() { return core_.frames(); }

  const Core& core() const { return core_; }
  const Statistics& statistics() const { return core_.statistics(); }

 private:
  struct Clock final : sim::Actor {
    explicit Clock(Nic& nic) : nic_(nic) {}
    void fire(std::uint32_t what, std::uint64_t arg) override { nic_.core_.timer(what, arg); }
    Nic& nic_;
  };

  void compose(const Config& config);

  // pcie::Endpoint
  std::uint64_t read_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes) override;
  void write_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) override;
  void dma_read_done(std::uint64_t tag, std::span<const std::uint8_t> bytes, bool ok, PacketId packet) override;
  void dma_write_done(std::uint64_t tag, bool ok) override;
  void vfs_changed(unsigned count) override { core_.set_vfs(count); }
  void function_reset(unsigned function) override { core_.reset_function(function); }

  // Host
  Ps now() const override { return pcie::Endpoint::now(); }
  void dma_read(unsigned function, std::uint64_t address, std::uint32_t bytes, std::uint64_t token, DmaPacket packet) override;
  void dma_write(unsigned function, std::uint64_t address, std::span<const std::uint8_t> bytes, std::uint64_t token,
                 DmaPacket packet) override;
  void msix(unsigned function, unsigned vector, NoticeId notice) override;
  void start_timer(Ps at, std::uint32_t what, std::uint64_t arg) override;
  void frame_out(Frame&& frame) override;
  void frame_dropped(PacketId packet, Drop reason) override;

  Clock clock_;
  WireSink* sink_ = nullptr;
  Core core_;
};

}  // namespace iovirt::nic
