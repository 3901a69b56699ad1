// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A machine for driver tests without SystemC: FakeCpu is a core over a byte array with device windows that are
// callbacks; FakeKernel is just enough kernel to run one NetDriver. Every device access, EOI, TMR read, MSR write and
// HLT is logged in order as text: "W notify", "R ICR", "EOI", ...
//
//   FakeKernel kernel;                                            // 16 MiB of RAM at 0
//   kernel.cpu().map_mmio(0xfe000000, 0x1000, read, write);       // the device's BAR
//   kernel.cpu().name(0xfe003818, "TDT");                         // otherwise logged as its address
//   kernel.set_pci(bdf, config_read, config_write);
//   driver.open();
//   kernel.cpu().log.clear();
//   driver.transmit(...); kernel.raise_msi(message); kernel.run(); // handler, EOI, polls
//   REQUIRE(kernel.cpu().log == std::vector<std::string>{"W TDT", "EOI", "W EIMS"});
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "models/software/kernel/kernel.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::test {

/// An access outside RAM and every window throws std::out_of_range; a misaligned one std::logic_error.
class FakeCpu : public cpu::Cpu {
 public:
  using Read = std::function<std::uint64_t(std::uint64_t offset, unsigned bytes)>;
  using Write = std::function<void(std::uint64_t offset, unsigned bytes, std::uint64_t value)>;

  explicit FakeCpu(std::size_t memory_bytes = std::size_t{16} << 20) : memory(memory_bytes) {}

  // -- the machine's set-up ---------------------------------------------------------------------------------------
  void map_mmio(std::uint64_t base, std::uint64_t bytes, Read on_read, Write on_write);
  void map_ports(std::uint16_t base, std::uint16_t ports, Read on_read, Write on_write);
  /// What an access to this MMIO address is called in the log.
  void name(std::uint64_t address, std::string text) { names_[address] = std::move(text); }
  void name_port(std::uint16_t port, std::string text) { port_names_[port] = std::move(text); }

  std::vector<std::uint8_t> memory;  ///< RAM from address 0
  std::vector<std::string> log;
  bool logging = true;               ///< off: for long property tests

  // -- what happened ------------------------------------------------------------------------------------------------
  std::uint64_t cycles = 0;           ///< asked for by compute()
  std::uint64_t copied_bytes = 0;     ///< by copy()
  std::uint64_t ram_accesses = 0;     ///< loads, stores, reads and writes of RAM
  std::vector<PacketId> charged;      ///< in order
  Ps time = 0;                        ///< one cycle is 500 ps here, one RAM access 1 ns, one MMIO access 500 ns

  // -- Cpu ------------------------------------------------------------------------------------------------------------
  std::uint64_t load(std::uint64_t address, unsigned bytes) override;
  void store(std::uint64_t address, unsigned bytes, std::uint64_t value) override;
  void read(std::uint64_t address, std::span<std::uint8_t> bytes) override;
  void write(std::uint64_t address, std::span<const std::uint8_t> bytes) override;
  void copy(std::uint64_t to, std::uint64_t from, std::size_t bytes) override;
  std::uint32_t in(std::uint16_t port, unsigned bytes) override;
  void out(std::uint16_t port, unsigned bytes, std::uint32_t value) override;
  std::uint64_t rdmsr(std::uint32_t index) override;
  void wrmsr(std::uint32_t index, std::uint64_t value) override;
  cpu::CpuidResult cpuid(std::uint32_t, std::uint32_t) override { return {}; }
  void hlt() override { note("HLT"); }
  void pause() override {}
  void fence() override {}
  std::uint64_t vmcall(std::uint64_t, std::uint64_t) override { return 0; }
  void compute(std::uint64_t n) override;
  void cli() override { interrupts_ = false; }
  void sti() override { interrupts_ = true; }
  bool interrupts_enabled() const override { return interrupts_; }
  void lidt(cpu::Idt*) override {}
  Ps now() const override { return time; }
  PacketId packet_at(std::uint64_t address) override;
  void place_packet(std::uint64_t address, PacketId packet) override { packets_[address] = packet; }
  void charge(PacketId packet) override { charged.push_back(packet); }

  void note(std::string entry) {
    if (logging) log.push_back(std::move(entry));
  }

 private:
  struct Window {
    std::uint64_t base, bytes;
    Read on_read;
    Write on_write;
  };
  bool in_ram(std::uint64_t address, std::uint64_t bytes) const {
    return address <= memory.size() && bytes <= memory.size() - address;
  }
  const Window& window(const std::vector<Window>& windows, std::uint64_t address, const char* what) const;

  std::vector<Window> mmio_, ports_;
  std::map<std::uint64_t, std::string> names_;
  std::map<std::uint16_t, std::string> port_names_;
  std::map<std::uint32_t, std::uint64_t> msrs_;
  std::map<std::uint64_t, PacketId> packets_;
  bool interrupts_ = true;
};

class FakeKernel : public software::Kernel {
 public:
  using Bdf = software::Bdf;
  using PciRead = std::function<std::uint32_t(std::uint16_t offset, unsigned bytes)>;
  using PciWrite = std::function<void(std::uint16_t offset, unsigned bytes, std::uint32_t value)>;

  struct Received {
    unsigned queue;
    std::vector<std::uint8_t> bytes;
    PacketId packet;       ///< as placed at the frame's first byte
    std::uint64_t buffer, address;
  };

  /// RAM below `reserved` is never handed out: for rings and frames a test lays out itself.
  explicit FakeKernel(std::size_t memory_bytes = std::size_t{16} << 20, std::uint64_t reserved = 0x10000);

  FakeCpu& cpu() override { return cpu_; }
  const software::Costs& costs() const override { return cost; }
  software::Costs cost;  ///< all zero unless set

  // -- the machine's set-up and its devices' actions ----------------------------------------------------------------
  void set_pci(Bdf function, PciRead read, PciWrite write);
  /// Added to every address by dma_map, so that a driver that forgets to map is caught. Default: identity.
  std::uint64_t dma_offset = 0;
  /// A device's MSI: the handler registered with this message becomes pending. An unknown message is counted.
  void raise_msi(software::MsiMessage message);
  void raise_msi(std::uint64_t address, std::uint32_t data) { raise_msi(software::MsiMessage{address, data}); }
  /// A device's level-triggered wire.
  void set_intx(Bdf function, bool asserted);
  /// Takes pending interrupts (handler, TMR when level, EOI) and runs NAPI polls until nothing is left to do.
  /// Throws std::runtime_error after 10,000 rounds: an interrupt storm.
  void run();

  // -- what happened ------------------------------------------------------------------------------------------------
  std::vector<Received> received;              ///< frames given to the stack; their buffers are freed at once
  std::vector<std::uint64_t> transmitted_buffers;  ///< completed, in order; not freed: they are the test's
  std::vector<unsigned> woken;                 ///< queues woken
  unsigned unknown_msis = 0;
  std::size_t buffers_in_use() const { return in_use_.size(); }
  std::size_t live_mappings() const { return mappings_.size(); }
  /// The message of the MSI that was requested for this entry. REQUIRES: requested.
  software::MsiMessage message(Bdf function, unsigned entry) const;
  unsigned poll_budget = 64;

  // -- Kernel ---------------------------------------------------------------------------------------------------------
  std::uint32_t pci_read(Bdf function, std::uint16_t offset, unsigned bytes) override;
  void pci_write(Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) override;
  std::uint64_t allocate(std::size_t bytes, std::size_t alignment) override;
  std::uint64_t allocate_buffer() override;
  void free_buffer(std::uint64_t address) override;
  std::uint64_t dma_map(Bdf function, std::uint64_t address, std::size_t bytes) override;
  void dma_unmap(Bdf function, std::uint64_t bus_address, std::size_t bytes) override;
  software::MsiMessage request_msi(Bdf function, unsigned entry, const std::string& name,
                                   std::function<void()> handler) override;
  void request_intx(Bdf function, const std::string& name, std::function<void()> handler) override;
  void napi_schedule(software::NetDriver& driver, unsigned queue) override;
  void receive(software::NetDriver& driver, unsigned queue, std::uint64_t buffer, std::uint64_t address,
               std::uint32_t bytes) override;
  void transmitted(software::NetDriver&, std::uint64_t buffer) override { transmitted_buffers.push_back(buffer); }
  void wake_queue(software::NetDriver&, unsigned queue) override { woken.push_back(queue); }

 private:
  struct Pci {
    PciRead read;
    PciWrite write;
  };
  struct Msi {
    Bdf function;
    unsigned entry;
    std::function<void()> handler;
    bool pending = false;
  };
  struct Intx {
    std::function<void()> handler;
    bool asserted = false;
  };
  struct Poll {
    software::NetDriver* driver;
    unsigned queue;
  };

  FakeCpu cpu_;
  std::uint64_t next_free_;
  std::vector<std::uint64_t> free_buffers_;
  std::map<std::uint64_t, bool> in_use_;
  std::map<std::uint64_t, std::size_t> mappings_;  ///< bus address -> times mapped
  std::map<Bdf, Pci> pci_;
  std::map<Bdf, Intx> intx_;
  std::vector<Msi> msis_;  ///< vector number 0x30 + index
  std::deque<Poll> polls_;
};

}  // namespace iovirt::test
