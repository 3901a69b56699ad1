// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/fake_kernel.h"

#include <cstring>
#include <stdexcept>

namespace iovirt::test {
namespace {

std::string hex(std::uint64_t value) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  do text.insert(text.begin(), digits[value & 15]);
  while (value >>= 4);
  return "0x" + text;
}

template <class Map, class Key>
std::string name_of(const Map& names, Key key) {
  auto found = names.find(key);
  return found == names.end() ? hex(key) : found->second;
}

constexpr std::uint32_t kFirstVector = 0x30;
constexpr std::uint64_t kMsiAddress = 0xfee00000;

}  // namespace

// -- FakeCpu ----------------------------------------------------------------------------------------------------------

void FakeCpu::map_mmio(std::uint64_t base, std::uint64_t bytes, Read on_read, Write on_write) {
  mmio_.push_back({base, bytes, std::move(on_read), std::move(on_write)});
}

void FakeCpu::map_ports(std::uint16_t base, std::uint16_t ports, Read on_read, Write on_write) {
  ports_.push_back({base, ports, std::move(on_read), std::move(on_write)});
}

const FakeCpu::Window& FakeCpu::window(const std::vector<Window>& windows, std::uint64_t address,
                                       const char* what) const {
  for (const Window& w : windows)
    if (address >= w.base && address - w.base < w.bytes) return w;
  throw std::out_of_range(std::string("FakeCpu: no ") + what + " at " + hex(address));
}

std::uint64_t FakeCpu::load(std::uint64_t address, unsigned bytes) {
  if (address % bytes != 0) throw std::logic_error("FakeCpu: misaligned load at " + hex(address));
  if (in_ram(address, bytes)) {
    ++ram_accesses;
    time += kPsPerNs;
    std::uint64_t value = 0;
    std::memcpy(&value, memory.data() + address, bytes);
    return value;
  }
  const Window& w = window(mmio_, address, "memory");
  note("R " + name_of(names_, address));
  time += 500 * kPsPerNs;
  return w.on_read(address - w.base, bytes);
}

void FakeCpu::store(std::uint64_t address, unsigned bytes, std::uint64_t value) {
  if (address % bytes != 0) throw std::logic_error("FakeCpu: misaligned store at " + hex(address));
  if (in_ram(address, bytes)) {
    ++ram_accesses;
    time += kPsPerNs;
    std::memcpy(memory.data() + address, &value, bytes);
    return;
  }
  const Window& w = window(mmio_, address, "memory");
  note("W " + name_of(names_, address));
  time += 500 * kPsPerNs;
  w.on_write(address - w.base, bytes, value);
}

void FakeCpu::read(std::uint64_t address, std::span<std::uint8_t> bytes) {
  if (!in_ram(address, bytes.size())) throw std::out_of_range("FakeCpu: no RAM at " + hex(address));
  ++ram_accesses;
  time += kPsPerNs;
  if (!bytes.empty()) std::memcpy(bytes.data(), memory.data() + address, bytes.size());
}

void FakeCpu::write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  if (!in_ram(address, bytes.size())) throw std::out_of_range("FakeCpu: no RAM at " + hex(address));
  ++ram_accesses;
  time += kPsPerNs;
  if (!bytes.empty()) std::memcpy(memory.data() + address, bytes.data(), bytes.size());
}

void FakeCpu::copy(std::uint64_t to, std::uint64_t from, std::size_t bytes) {
  if (!in_ram(to, bytes) || !in_ram(from, bytes))
    throw std::out_of_range("FakeCpu: copy from " + hex(from) + " to " + hex(to));
  std::memmove(memory.data() + to, memory.data() + from, bytes);
  copied_bytes += bytes;
  time += bytes * 100;
  packets_[to] = packet_at(from);
}

std::uint32_t FakeCpu::in(std::uint16_t port, unsigned bytes) {
  const Window& w = window(ports_, port, "port");
  note("R " + name_of(port_names_, port));
  time += 500 * kPsPerNs;
  return static_cast<std::uint32_t>(w.on_read(port - w.base, bytes));
}

void FakeCpu::out(std::uint16_t port, unsigned bytes, std::uint32_t value) {
  const Window& w = window(ports_, port, "port");
  note("W " + name_of(port_names_, port));
  time += 500 * kPsPerNs;
  w.on_write(port - w.base, bytes, value);
}

std::uint64_t FakeCpu::rdmsr(std::uint32_t index) {
  note("R MSR " + hex(index));
  return msrs_[index];
}

void FakeCpu::wrmsr(std::uint32_t index, std::uint64_t value) {
  note("W MSR " + hex(index));
  msrs_[index] = value;
}

void FakeCpu::compute(std::uint64_t n) {
  cycles += n;
  time += n * 500;
}

PacketId FakeCpu::packet_at(std::uint64_t address) {
  auto found = packets_.find(address);
  return found == packets_.end() ? 0 : found->second;
}

// -- FakeKernel -------------------------------------------------------------------------------------------------------

FakeKernel::FakeKernel(std::size_t memory_bytes, std::uint64_t reserved) : cpu_(memory_bytes), next_free_(reserved) {}

void FakeKernel::set_pci(Bdf function, PciRead read, PciWrite write) {
  pci_[function] = {std::move(read), std::move(write)};
}

void FakeKernel::raise_msi(software::MsiMessage message) {
  std::size_t index = std::size_t{message.data} - kFirstVector;
  if (message.address != kMsiAddress || message.data < kFirstVector || index >= msis_.size()) {
    ++unknown_msis;
    return;
  }
  msis_[index].pending = true;
}

void FakeKernel::set_intx(Bdf function, bool asserted) { intx_[function].asserted = asserted; }

void FakeKernel::run() {
  for (unsigned round = 0; round < 10000; ++round) {
    bool worked = false;
    for (std::size_t i = 0; i < msis_.size(); ++i) {
      if (!msis_[i].pending) continue;
      msis_[i].pending = false;
      worked = true;
      ++accesses().interrupts_taken;
      msis_[i].handler();
      ++accesses().eoi;
      cpu_.note("EOI");
    }
    for (auto& [function, line] : intx_) {
      if (!line.asserted || !line.handler) continue;
      worked = true;
      ++accesses().interrupts_taken;
      line.handler();
      ++accesses().tmr_reads;
      cpu_.note("TMR");
      ++accesses().eoi;
      cpu_.note("EOI");
    }
    if (!polls_.empty()) {
      worked = true;
      Poll poll = polls_.front();
      polls_.pop_front();
      // As in Linux: a poll that used its budget stays scheduled, otherwise the driver has re-armed.
      if (poll.driver->poll(poll.queue, poll_budget) >= poll_budget) napi_schedule(*poll.driver, poll.queue);
    }
    if (!worked) return;
  }
  throw std::runtime_error("FakeKernel: interrupt storm");
}

software::MsiMessage FakeKernel::message(Bdf function, unsigned entry) const {
  for (std::size_t i = msis_.size(); i-- > 0;)  // the latest request counts
    if (msis_[i].function == function && msis_[i].entry == entry)
      return {kMsiAddress, kFirstVector + static_cast<std::uint32_t>(i)};
  throw std::logic_error("FakeKernel: no MSI requested for entry " + std::to_string(entry));
}

std::uint32_t FakeKernel::pci_read(Bdf function, std::uint16_t offset, unsigned bytes) {
  auto found = pci_.find(function);
  if (found == pci_.end()) return bytes == 4 ? ~0u : (1u << (8 * bytes)) - 1;  // master abort
  return found->second.read(offset, bytes);
}

void FakeKernel::pci_write(Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) {
  auto found = pci_.find(function);
  if (found != pci_.end()) found->second.write(offset, bytes, value);
}

std::uint64_t FakeKernel::allocate(std::size_t bytes, std::size_t alignment) {
  std::uint64_t address = (next_free_ + alignment - 1) & ~(std::uint64_t{alignment} - 1);
  if (address + bytes > cpu_.memory.size()) throw std::runtime_error("FakeKernel: out of memory");
  next_free_ = address + bytes;
  std::memset(cpu_.memory.data() + address, 0, bytes);
  return address;
}

std::uint64_t FakeKernel::allocate_buffer() {
  std::uint64_t address;
  if (free_buffers_.empty()) {
    address = allocate(kBufferBytes, kBufferBytes);
  } else {
    address = free_buffers_.back();
    free_buffers_.pop_back();
  }
  in_use_[address] = true;
  return address;
}

void FakeKernel::free_buffer(std::uint64_t address) {
  if (in_use_.erase(address) != 1) throw std::logic_error("FakeKernel: freed what is not a buffer: " + hex(address));
  free_buffers_.push_back(address);
}

std::uint64_t FakeKernel::dma_map(Bdf, std::uint64_t address, std::size_t) {
  ++mappings_[address + dma_offset];
  return address + dma_offset;
}

void FakeKernel::dma_unmap(Bdf, std::uint64_t bus_address, std::size_t) {
  auto found = mappings_.find(bus_address);
  if (found == mappings_.end()) throw std::logic_error("FakeKernel: unmapped what was not mapped: " + hex(bus_address));
  if (--found->second == 0) mappings_.erase(found);
}

software::MsiMessage FakeKernel::request_msi(Bdf function, unsigned entry, const std::string&,
                                             std::function<void()> handler) {
  msis_.push_back({function, entry, std::move(handler), false});
  return message(function, entry);
}

void FakeKernel::request_intx(Bdf function, const std::string&, std::function<void()> handler) {
  intx_[function].handler = std::move(handler);
}

void FakeKernel::napi_schedule(software::NetDriver& driver, unsigned queue) {
  for (const Poll& p : polls_)
    if (p.driver == &driver && p.queue == queue) return;
  polls_.push_back({&driver, queue});
}

void FakeKernel::receive(software::NetDriver&, unsigned queue, std::uint64_t buffer, std::uint64_t address,
                         std::uint32_t bytes) {
  Received frame{queue, std::vector<std::uint8_t>(bytes), cpu_.packet_at(address), buffer, address};
  if (address > cpu_.memory.size() || bytes > cpu_.memory.size() - address)
    throw std::out_of_range("FakeKernel: received a frame at " + hex(address));
  if (bytes != 0) std::memcpy(frame.bytes.data(), cpu_.memory.data() + address, bytes);
  received.push_back(std::move(frame));
  free_buffer(buffer);
}

}  // namespace iovirt::test
