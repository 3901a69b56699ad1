// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/atc_device_module.h"

#include <cstring>

namespace iovirt::test {

AtcDevice::AtcDevice(sc_core::sc_module_name name, sim::EventQueue& queue, sim::TransactionPool& pool)
    : TranslatingEndpoint(name, {.read_tags = 32, .register_latency = 0}, queue, pool), Atc(queue) {
  pcie::Function& pf = add_function({.vendor = 0x1af4, .device = 0xa7c0, .class_code = 0x020000});
  pf.config.add_bar(0, 4096, pcie::BarKind::memory32);
  pf.add_express({.mps_bytes = 512, .flr = true});
  pf.add_aer();
  pcie::add_ari(pf.config);
  pcie::Ats& ats = pf.add_ats({.queue_depth = 4, .global_invalidate = true});
  pf.add_page_requests({.capacity = kCapacity});
  pf.add_pasid({.width = 20, .execute = true, .privileged = true});
  pf.add_sriov({.total_vfs = 2, .vf_offset = 0x80, .vf_stride = 2, .vf_device = 0xa7c1});
  for (unsigned i = 0; i < 2; ++i) {
    pcie::Function& vf = add_function({.class_code = 0x020000});
    vf.add_express({.mps_bytes = 512, .flr = true});
    vf.add_ats({.queue_depth = 4}, &ats);
  }
}

pcie::Addressing AtcDevice::addressing() const { return {.execute = execute, .privileged = privileged, .pasid = pasid}; }

void AtcDevice::request_translation(std::uint64_t address, bool no_write, std::uint64_t tag) {
  pcie::Addressing how = addressing();
  how.no_write = no_write;
  if (const pcie::Ats* ats = function(acts_as).ats()) least_bytes_ = ats->unit_bytes();
  TranslatingEndpoint::translate(acts_as, address, tag, how);
}

void AtcDevice::request_data(bool write, std::uint64_t address, std::uint32_t data, sim::AddressType type, std::uint64_t tag) {
  pcie::Addressing how = type == sim::AddressType::translated ? pcie::Addressing{} : addressing();  // it says all there is
  how.type = type;
  std::uint8_t bytes[4];
  std::memcpy(bytes, &data, sizeof bytes);
  if (write)
    dma_write(acts_as, address, bytes, tag, {}, how);
  else
    dma_read(acts_as, address, sizeof bytes, tag, {}, how);
}

bool AtcDevice::request_page(std::uint64_t address, bool read, bool write, bool last, std::uint16_t group) {
  return TranslatingEndpoint::ask_for_page(acts_as, {address, read, write, last, group}, addressing());
}

void AtcDevice::complete_invalidation(std::uint8_t itag, unsigned count) { TranslatingEndpoint::complete_invalidation(acts_as, itag, count); }

void AtcDevice::translation_done(std::uint64_t tag, tlm::tlm_response_status status, std::uint64_t entry) {
  translation_answered(tag, status, entry);
}

void AtcDevice::dma_read_done(std::uint64_t tag, std::span<const std::uint8_t> bytes, bool ok, PacketId) {
  std::uint32_t data = 0;
  std::memcpy(&data, bytes.data(), sizeof data);
  if (tag != kNoTransfer) data_answered(tag, ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE, data);
}

void AtcDevice::dma_write_done(std::uint64_t tag, bool ok) {
  if (tag != kNoTransfer) data_answered(tag, ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE, 0);
}

void AtcDevice::invalidate_requested(unsigned, const Invalidation& i) {
  invalidated_at.push_back(now());
  invalidate(i.itag, i.pasid, i.global, i.first, i.bytes);
}

void AtcDevice::pages_answered(unsigned, std::uint16_t group, PageResponseCode code) {
  answered_at.push_back(now());
  Atc::pages_answered(group, static_cast<std::uint8_t>(code));
}

void AtcDevice::function_reset(unsigned index) {
  TranslatingEndpoint::function_reset(index);
  if (index == acts_as) forget();
}

void AtcDevice::cache_lost(unsigned index) {
  if (index != acts_as) return;
  ++caches_lost;
  flush();
}

}  // namespace iovirt::test
