// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/nic_module.h"

namespace iovirt::nic {

namespace {

constexpr std::uint32_t kEthernet = 0x020000;
constexpr unsigned kMsixBar = 3;
constexpr std::uint32_t kPbaOffset = 0x2000;

pcie::Endpoint::Settings settings(const Config& config) {
  config.validate();
  return {.read_tags = config.read_tags, .register_latency = ns_to_ps(config.register_latency_ns)};
}

pcie::Msix::Spec msix_spec(unsigned vectors) {
  return {.vectors = vectors, .table_bar = kMsixBar, .table_offset = 0, .pba_bar = kMsixBar, .pba_offset = kPbaOffset};
}

}  // namespace

Nic::Nic(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, sim::TransactionPool& pool,
         PacketLedger* ledger)
    : Endpoint(name, settings(config), queue, pool), clock_(*this), core_(*this, config, ledger) {
  set_ledger(ledger);
  compose(config);
}

void Nic::compose(const Config& config) {
  const pcie::Express::Spec express{.mps_bytes = config.mps_bytes, .generation = config.pcie_generation,
                                    .width = config.pcie_width, .flr = true};
  const pcie::Identity identity{.vendor = igb::kVendor, .device = igb::kPfDevice, .class_code = kEthernet, .revision = 1,
                                .subsystem_vendor = igb::kVendor, .subsystem = igb::kPfDevice};
  pcie::Function& pf = add_function(identity);
  pf.config.add_bar(0, igb::kPfBar0Bytes, pcie::BarKind::memory32);
  pf.config.add_bar(kMsixBar, igb::kMsixBarBytes, pcie::BarKind::memory32);
  pf.add_msix(msix_spec(igb::kPfVectors), 0x70);
  pf.add_express(express, 0xa0);
  pf.add_aer(0x100);
  pcie::add_ari(pf.config, 0x150);
  if (config.total_vfs == 0) return;
  pcie::Sriov::Spec sriov;
  sriov.total_vfs = static_cast<std::uint16_t>(config.total_vfs);
  sriov.vf_offset = igb::kVfOffset;
  sriov.vf_stride = igb::kVfStride;
  sriov.vf_device = igb::kVfDevice;
  sriov.bars[0] = {igb::kVfBar0Bytes, pcie::BarKind::memory64_prefetchable};
  sriov.bars[kMsixBar] = {igb::kMsixBarBytes, pcie::BarKind::memory64_prefetchable};
  pf.add_sriov(sriov, 0x160);
  for (unsigned i = 0; i < config.total_vfs; ++i) {
    pcie::Identity virtual_identity = identity;
    virtual_identity.device = igb::kVfDevice;
    pcie::Function& vf = add_function(virtual_identity);
    vf.add_msix(msix_spec(igb::kVfVectors), 0x70);
    vf.add_express(express, 0xa0);
    vf.add_aer(0x100);
    pcie::add_ari(vf.config, 0x150);
  }
}

// ---- registers: dwords; narrower accesses see their part, wider ones two (datasheet 8.1) ---------------------------------

std::uint64_t Nic::read_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes) {
  if (bar != 0) return 0;
  const auto dword = [&](std::uint64_t at) -> std::uint64_t {
    const auto aligned = static_cast<std::uint32_t>(at & ~3ull);
    return function == 0 ? core_.read(aligned) : core_.vf_read(function - 1, aligned);
  };
  if (bytes == 8) return dword(offset) | dword(offset + 4) << 32;
  const std::uint64_t value = dword(offset) >> (8 * (offset & 3));
  return bytes == 4 ? value : value & ((1ull << (8 * bytes)) - 1);
}

void Nic::write_bar(unsigned function, unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  if (bar != 0 || bytes < 4) return;  // partial writes are not supported and have no effect
  const auto dword = [&](std::uint64_t at, std::uint32_t half) {
    const auto aligned = static_cast<std::uint32_t>(at & ~3ull);
    function == 0 ? core_.write(aligned, half) : core_.vf_write(function - 1, aligned, half);
  };
  dword(offset, static_cast<std::uint32_t>(value));
  if (bytes == 8) dword(offset + 4, static_cast<std::uint32_t>(value >> 32));
}

// ---- between the core and the bus -----------------------------------------------------------------------------------------

void Nic::dma_read_done(std::uint64_t tag, std::span<const std::uint8_t> bytes, bool ok, PacketId packet) {
  core_.dma_read_done(tag, bytes, ok, packet);
}

void Nic::dma_write_done(std::uint64_t tag, bool ok) { core_.dma_write_done(tag, ok); }

void Nic::dma_read(unsigned function, std::uint64_t address, std::uint32_t bytes, std::uint64_t token, DmaPacket packet) {
  Endpoint::dma_read(function, address, bytes, token, {packet.packet, packet.first, packet.last});
}

void Nic::dma_write(unsigned function, std::uint64_t address, std::span<const std::uint8_t> bytes, std::uint64_t token,
                    DmaPacket packet) {
  Endpoint::dma_write(function, address, bytes, token, {packet.packet, packet.first, packet.last});
}

void Nic::msix(unsigned function, unsigned vector, NoticeId notice) { send_msix(function, vector, notice); }

void Nic::start_timer(Ps at, std::uint32_t what, std::uint64_t arg) { queue().post(at, clock_, what, arg); }

void Nic::frame_out(Frame&& frame) {
  if (sink_)
    sink_->frame_sent(std::move(frame), now());
  else
    frames().give(std::move(frame.bytes));
}

void Nic::frame_dropped(PacketId packet, Drop reason) {
  if (sink_) sink_->frame_dropped(packet, reason);
}

}  // namespace iovirt::nic
