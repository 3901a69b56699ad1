// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// An 82576 (nic::Core) between FakeKernels: the physical function in the host's, one virtual function in each guest's,
// with real configuration spaces and MSI-X tables and a wire at which frames go in and come out. DMA and timers are
// served at once and in order; time is the fake cores' own.
#pragma once

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "models/nic/core.h"
#include "models/pcie/function.h"
#include "test/support/fake_kernel.h"

namespace iovirt::test {

class IgbBench final : public nic::Host {
 public:
  static constexpr software::Bdf kPf = 0x0100, kVf = 0x0010;
  static constexpr std::uint64_t kBar0 = 0xf0000000, kBar3 = 0xf0100000;
  static constexpr std::uint64_t kHostOffset = 0x40000000;  ///< host's bus addresses: a driver that forgets to map fails
  using Bytes = std::vector<std::uint8_t>;

  explicit IgbBench(unsigned vfs = 0, const nic::Config& config = default_config()) : core(*this, config) {
    kernels.push_back(std::make_unique<FakeKernel>(std::size_t{32} << 20));
    host().dma_offset = kHostOffset;
    functions.push_back(make_function(nic::igb::kPfDevice, nic::igb::kPfBar0Bytes, nic::igb::kPfVectors));
    pcie::Sriov::Spec sriov;
    sriov.vf_device = nic::igb::kVfDevice;
    sriov.bars[0] = {nic::igb::kVfBar0Bytes, pcie::BarKind::memory32};
    sriov.bars[3] = {nic::igb::kMsixBarBytes, pcie::BarKind::memory32};
    functions[0]->add_sriov(sriov, 0x160);
    functions[0]->config.on_write(0x160 + pcie::spec::kSriovControl, 2,
                                  [this] { core.set_vfs(functions[0]->sriov()->vfs()); });
    attach(0, kPf, nic::igb::kPfBar0Bytes);
    for (unsigned vf = 0; vf < vfs; ++vf) {
      kernels.push_back(std::make_unique<FakeKernel>());
      functions.push_back(make_function(nic::igb::kVfDevice, nic::igb::kVfBar0Bytes, nic::igb::kVfVectors));
      attach(vf + 1, kVf, nic::igb::kVfBar0Bytes);
    }
  }

  static nic::Config default_config() {
    nic::Config config;
    config.itr_unit_ns = 1000;
    return config;
  }

  nic::Core core;
  std::vector<std::unique_ptr<FakeKernel>> kernels;        ///< [0] the host, [n + 1] VF n's guest
  std::vector<std::unique_ptr<pcie::Function>> functions;  ///< as their owners see them
  FakeKernel& host() { return *kernels[0]; }
  FakeKernel& guest(unsigned vf) { return *kernels[vf + 1]; }
  /// Names a register of a function for the log.
  void name(unsigned function, std::uint32_t offset, const char* text) { kernels[function]->cpu().name(kBar0 + offset, text); }

  // -- the wire ---------------------------------------------------------------------------------------------------------
  std::vector<Bytes> sent;
  std::map<nic::Drop, unsigned> drops;
  void arrive(const Bytes& bytes) {
    settle();
    if (core.wire_free_at() > time_) advance(core.wire_free_at() - time_);
    core.wire_in(Frame{bytes, 0});
    settle();
  }
  /// Lets time pass in the device; interrupts become pending but no kernel runs.
  void advance(Ps duration) {
    const Ps end = time_ + duration;
    drain();
    while (!timers_.empty() && timers_.begin()->first <= end) fire();
    time_ = end;
  }
  /// Every frame and interrupt that is under way arrives; every kernel runs until nothing is left.
  void run() {
    for (unsigned round = 0; round < 1000; ++round) {
      settle();
      bool idle = msi_count_ == 0;
      msi_count_ = 0;
      for (auto& kernel : kernels) kernel->run();
      drain();
      if (idle && timers_.empty() && dma_.empty()) return;
    }
    throw std::runtime_error("IgbBench: does not come to rest");
  }
  void settle() {
    drain();
    while (!timers_.empty()) fire();
  }
  unsigned dma_faults = 0;
  unsigned lost_interrupts = 0;

  // -- nic::Host ----------------------------------------------------------------------------------------------------------
  Ps now() const override { return time_; }
  void dma_read(unsigned function, std::uint64_t address, std::uint32_t bytes, std::uint64_t token, nic::DmaPacket packet) override {
    dma_.push_back({function, address, Bytes(bytes), token, packet.packet, false});
  }
  void dma_write(unsigned function, std::uint64_t address, std::span<const std::uint8_t> bytes, std::uint64_t token,
                 nic::DmaPacket packet) override {
    dma_.push_back({function, address, Bytes(bytes.begin(), bytes.end()), token, packet.packet, true});
  }
  void msix(unsigned function, unsigned vector, NoticeId) override {
    const auto message = functions[function]->msix()->raise(vector);
    if (!message) {
      ++lost_interrupts;
      return;
    }
    interrupts_.push_back({function, {message->address, message->data}});
    deliver();
  }
  void start_timer(Ps at, std::uint32_t what, std::uint64_t arg) override { timers_.emplace(at, std::pair{what, arg}); }
  void frame_out(Frame&& frame) override { sent.push_back(std::move(frame.bytes)); }
  void frame_dropped(PacketId, nic::Drop reason) override { ++drops[reason]; }

 private:
  struct Dma {
    unsigned function;
    std::uint64_t address;
    Bytes bytes;
    std::uint64_t token;
    PacketId packet;
    bool write;
  };
  struct Interrupt {
    unsigned function;
    software::MsiMessage message;
  };

  static std::unique_ptr<pcie::Function> make_function(std::uint16_t device, std::uint32_t bar0, unsigned vectors) {
    auto function = std::make_unique<pcie::Function>(
        pcie::Identity{.vendor = nic::igb::kVendor, .device = device, .class_code = 0x020000});
    function->config.add_bar(0, bar0, pcie::BarKind::memory32);
    function->config.add_bar(3, nic::igb::kMsixBarBytes, pcie::BarKind::memory32);
    function->add_msix({.vectors = vectors, .table_bar = 3, .table_offset = 0, .pba_bar = 3, .pba_offset = 0x2000}, 0x70);
    function->config.write(pcie::spec::kBar0, 4, kBar0);
    function->config.write(pcie::spec::kBar0 + 12, 4, kBar3);
    return function;
  }

  void attach(unsigned function, software::Bdf bdf, std::uint32_t bar0_bytes) {
    FakeKernel& kernel = *kernels[function];
    auto& config = functions[function]->config;
    kernel.set_pci(
        bdf, [&config](std::uint16_t offset, unsigned bytes) { return static_cast<std::uint32_t>(config.read(offset, bytes)); },
        [&config](std::uint16_t offset, unsigned bytes, std::uint32_t value) { config.write(offset, bytes, value); });
    kernel.cpu().map_mmio(
        kBar0, bar0_bytes,
        [this, function](std::uint64_t at, unsigned) -> std::uint64_t {
          before_access(function);
          const auto offset = static_cast<std::uint32_t>(at);
          return function == 0 ? core.read(offset) : core.vf_read(function - 1, offset);
        },
        [this, function](std::uint64_t at, unsigned, std::uint64_t value) {
          before_access(function);
          const auto offset = static_cast<std::uint32_t>(at);
          function == 0 ? core.write(offset, static_cast<std::uint32_t>(value))
                        : core.vf_write(function - 1, offset, static_cast<std::uint32_t>(value));
          drain();
        });
    kernel.cpu().map_mmio(
        kBar3, nic::igb::kMsixBarBytes,
        [this, function](std::uint64_t at, unsigned bytes) { return functions[function]->msix()->read(3, at, bytes); },
        [this, function](std::uint64_t at, unsigned bytes, std::uint64_t value) {
          functions[function]->msix()->write(3, at, bytes, value);
        });
  }

  // The host's core runs beside a guest's: between two of its accesses it takes its interrupts.
  void before_access(unsigned function) {
    time_ = std::max(time_, kernels[function]->cpu().time);
    drain();
    while (!timers_.empty() && timers_.begin()->first <= time_) fire();
    if (function == 0 || in_host_) return;
    in_host_ = true;
    host().run();
    in_host_ = false;
  }

  void drain() {
    while (!dma_.empty()) {
      Dma dma = std::move(dma_.front());
      dma_.pop_front();
      FakeKernel& kernel = *kernels[dma.function];
      const std::uint64_t at = dma.address - kernel.dma_offset;
      auto& memory = kernel.cpu().memory;
      const bool ok = functions[dma.function]->config.bus_master() && at <= memory.size() && dma.bytes.size() <= memory.size() - at;
      if (!ok) ++dma_faults;
      if (dma.write) {
        if (ok) std::memcpy(memory.data() + at, dma.bytes.data(), dma.bytes.size());
        core.dma_write_done(dma.token, ok);
      } else {
        if (ok) std::memcpy(dma.bytes.data(), memory.data() + at, dma.bytes.size());
        core.dma_read_done(dma.token, dma.bytes, ok, dma.packet);
      }
      deliver();
    }
    deliver();
  }
  // Posted writes go before the interrupts that follow them.
  void deliver() {
    while (!interrupts_.empty() && dma_.empty()) {
      kernels[interrupts_.front().function]->raise_msi(interrupts_.front().message);
      interrupts_.pop_front();
      ++msi_count_;
    }
  }
  void fire() {
    const auto first = timers_.begin();
    time_ = std::max(time_, first->first);
    const auto [what, arg] = first->second;
    timers_.erase(first);
    core.timer(what, arg);
    drain();
  }

  Ps time_ = 0;
  std::multimap<Ps, std::pair<std::uint32_t, std::uint64_t>> timers_;
  std::deque<Dma> dma_;
  std::deque<Interrupt> interrupts_;
  unsigned msi_count_ = 0;
  bool in_host_ = false;
};

}  // namespace iovirt::test
