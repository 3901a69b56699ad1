// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/stream/driver.h"

#include <cstring>
#include <stdexcept>

#include "lib/little_endian.h"

namespace iovirt::platform::stream {
namespace {

constexpr std::size_t kPage = 4096;

}  // namespace

Driver::Driver(software::HostKernel& kernel, software::Bdf function, const Config& config, unsigned rings, PacketSink& sink)
    : kernel_(kernel), pci_(kernel, function), config_(config), sink_(sink), rings_(rings) {}

/// Zeroed memory that stays mapped.
std::uint64_t Driver::coherent(std::uint64_t bytes, std::uint64_t& bus) {
  const std::uint64_t address = kernel_.allocate(bytes, kPage);
  bus = kernel_.dma_map(pci_.function(), address, bytes);
  return address;
}

void Driver::open() {
  pci_.enable();
  // Doorbell records of several queues share a page.
  std::uint64_t records_bus = 0;
  const std::uint64_t records = coherent(kPage, records_bus);
  for (unsigned i = 0; i < rings_.size(); ++i) {
    Ring& ring = rings_[i];
    ring.registers = pci_.bar(0) + i * spec::kRingBlock;
    const auto set = [&](std::uint64_t reg, std::uint64_t value) { kernel_.cpu().store(ring.registers + reg, 8, value); };
    const std::uint64_t entries = config_.ring_pages / spec::kPagesPerDescriptor;
    ring.posted.resize(entries);
    std::uint64_t bus = 0;
    ring.descriptors = coherent(entries * spec::kReceiveDescriptorBytes, bus);
    set(spec::kReceiveBase, bus);
    set(spec::kReceiveEntries, entries);
    ring.completions = coherent(config_.ring_pages * spec::kCompletionBytes, bus);
    set(spec::kReceiveCqBase, bus);
    set(spec::kReceiveCqEntries, config_.ring_pages);
    ring.sends = coherent(std::uint64_t{config_.send_entries} * spec::kSendDescriptorBytes, bus);
    set(spec::kSendBase, bus);
    set(spec::kSendEntries, config_.send_entries);
    ring.send_completions = coherent(std::uint64_t{config_.send_entries} * spec::kCompletionBytes, bus);
    set(spec::kSendCqBase, bus);
    set(spec::kSendCqEntries, config_.send_entries);
    coherent(std::uint64_t{config_.event_entries} * spec::kEventBytes, bus);
    set(spec::kEventBase, bus);
    set(spec::kEventEntries, config_.event_entries);
    ring.record = records + i * 64;
    set(spec::kDoorbellRecord, records_bus + i * 64);
    pci_.write_msix_entry(i, kernel_.request_msi(pci_.function(), i, "stream-" + std::to_string(i), [this, i] {
      kernel_.cpu().compute(kernel_.costs().irq_handler_cycles);
      kernel_.napi_schedule(*this, i);
    }));
  }
  pci_.enable_msix();
  for (unsigned i = 0; i < rings_.size(); ++i) start(i);
}

void Driver::start(unsigned index) {
  Ring& ring = rings_[index];
  for (std::size_t i = 0; i < ring.posted.size(); ++i) post_descriptor(ring);
  kernel_.cpu().store(ring.registers + spec::kEnable, 8, 1);
  kernel_.cpu().store(ring.registers + spec::kArm, 8, 0);
}

// -- receive -------------------------------------------------------------------------------------------------------------

void Driver::post_descriptor(Ring& ring) {
  auto& cpu = kernel_.cpu();
  const std::size_t slot = ring.produced % ring.posted.size();
  std::array<std::uint8_t, spec::kReceiveDescriptorBytes> raw;
  for (unsigned i = 0; i < spec::kPagesPerDescriptor; ++i) {
    Page& page = ring.posted[slot][i];
    page.address = kernel_.allocate_page();
    page.bus = kernel_.dma_map(pci_.function(), page.address, kPage);
    const std::uint64_t number = page.address / kPage;
    if (users_.size() <= number) users_.resize(number + 4096);
    users_[number] = 1;
    std::memcpy(raw.data() + 8 * i, &page.bus, 8);
  }
  cpu.write(ring.descriptors + slot * spec::kReceiveDescriptorBytes, raw);
  ++ring.produced;
  cpu.store(ring.record, 4, ring.produced);
}

void Driver::retire_descriptor(Ring& ring, Descriptor& descriptor) {
  std::array<std::uint64_t, spec::kPagesPerDescriptor> bus;
  for (unsigned i = 0; i < bus.size(); ++i) bus[i] = descriptor[i].bus;
  kernel_.dma_unmap_all(pci_.function(), bus, kPage);
  for (const Page& page : descriptor) drop(page.address);
  post_descriptor(ring);
}

void Driver::drop(std::uint64_t page) {
  if (--users_[page / kPage] == 0) kernel_.free_page(page);
}

unsigned Driver::poll(unsigned queue, unsigned budget) {
  Ring& ring = rings_[queue];
  auto& cpu = kernel_.cpu();
  ++counters_.polls;
  clean_sends(ring);
  unsigned taken = 0;
  while (taken < budget) {
    const std::uint64_t entry = ring.completions + ring.consumed % config_.ring_pages * spec::kCompletionBytes;
    std::array<std::uint8_t, spec::kCompletionBytes> raw;
    cpu.read(entry, raw);
    if (load_little_endian<std::uint64_t>(raw.data() + spec::kCompletionLap) != ring.consumed / config_.ring_pages + 1) break;
    cpu.compute(kernel_.costs().driver_rx_cycles);
    const std::uint64_t index = load_little_endian<std::uint64_t>(raw.data() + 8);
    if (index != ring.consumed) throw std::logic_error("the stream NIC completed packets out of order");
    Descriptor& descriptor = ring.posted[index / spec::kPagesPerDescriptor % ring.posted.size()];
    const std::uint64_t page = descriptor[index % spec::kPagesPerDescriptor].address;
    ++users_[page / kPage];
    ++ring.consumed;
    ++taken;
    ++counters_.packets;
    merge(ring, load_little_endian<std::uint32_t>(raw.data()), page);
    if (ring.consumed % spec::kPagesPerDescriptor == 0) retire_descriptor(ring, descriptor);
  }
  if (taken == budget) return taken;
  for (Group& group : ring.groups) pass_up(group);  // napi_complete_done: nothing is held over an interrupt
  kernel_.writel(ring.registers + spec::kArm, static_cast<std::uint32_t>(ring.consumed));
  return taken;
}

void Driver::merge(Ring& ring, std::uint32_t flow, std::uint64_t page) {
  kernel_.cpu().compute(config_.gro_cycles);
  Group* found = nullptr;
  for (Group& group : ring.groups)
    if (group.flow == flow) found = &group;
  if (!found) found = &ring.groups.emplace_back(Group{flow, {}});
  found->pages.push_back(page);
  if (found->pages.size() == config_.gro_packets) pass_up(*found);
}

void Driver::pass_up(Group& group) {
  if (group.pages.empty()) return;
  ++counters_.merged;
  kernel_.cpu().compute(kernel_.costs().stack_rx_cycles);
  sink_.receive(group.flow, group.pages);
  group.pages.clear();
}

// -- send ----------------------------------------------------------------------------------------------------------------

bool Driver::transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool) {
  Ring& ring = rings_[queue];
  if (ring.sent - ring.cleaned == config_.send_entries) return false;
  // A core's processes share the ring and may take turns here: each has a slot of its own, and the doorbell tells of
  // those that are written.
  const std::uint64_t slot = ring.sent++;
  ring.in_flight.push_back({buffer, 0, bytes, false});
  auto& cpu = kernel_.cpu();
  cpu.compute(kernel_.costs().driver_tx_cycles);
  const std::uint64_t bus = kernel_.dma_map(pci_.function(), address, bytes);
  std::array<std::uint8_t, spec::kSendDescriptorBytes> raw{};
  std::memcpy(raw.data(), &bus, 8);
  std::memcpy(raw.data() + 8, &bytes, 4);
  cpu.write(ring.sends + slot % config_.send_entries * spec::kSendDescriptorBytes, raw);
  Sent& sent = ring.in_flight[slot - ring.cleaned];
  sent.bus = bus;
  sent.written = true;
  if (slot != ring.rung) return true;
  while (ring.rung != ring.sent && ring.in_flight[ring.rung - ring.cleaned].written) ++ring.rung;
  if (ring.ringing) return true;  // whoever is at the doorbell rings it again
  ring.ringing = true;
  for (std::uint64_t told = ring.cleaned; told != ring.rung;) {
    told = ring.rung;
    kernel_.writel(ring.registers + spec::kSendDoorbell, static_cast<std::uint32_t>(told));
  }
  ring.ringing = false;
  return true;
}

void Driver::clean_sends(Ring& ring) {
  auto& cpu = kernel_.cpu();
  while (ring.cleaned != ring.rung) {
    const std::uint64_t entry = ring.send_completions + ring.cleaned % config_.send_entries * spec::kCompletionBytes;
    if (cpu.load(entry + spec::kCompletionLap, 8) != ring.cleaned / config_.send_entries + 1) return;
    const Sent sent = ring.in_flight.front();
    ring.in_flight.pop_front();
    ++ring.cleaned;
    cpu.compute(kernel_.costs().driver_clean_cycles);
    kernel_.dma_unmap(pci_.function(), sent.bus, sent.bytes);
    kernel_.free_buffer(sent.buffer);
  }
}

}  // namespace iovirt::platform::stream
