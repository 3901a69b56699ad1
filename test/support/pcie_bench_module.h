// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A root complex with one device, a core that runs a script, and a memory whose latency a test chooses.
#pragma once

#include <cstring>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_target_socket.h>

#include "models/pcie/endpoint_module.h"
#include "models/pcie/enumeration.h"
#include "models/pcie/host_port_module.h"
#include "models/pcie/root_complex_module.h"

namespace iovirt::test {

/// Answers what leaves the root complex towards memory; 16 MiB from address 0, and 0xfee00000 takes messages.
class TestMemory : public sc_core::sc_module, private sim::Actor {
 public:
  tlm_utils::simple_target_socket<TestMemory> in;
  TestMemory(sc_core::sc_module_name name, sim::EventQueue& queue) : sc_module(name), in("in"), bytes(16u << 20), queue_(queue) {
    in.register_nb_transport_fw(this, &TestMemory::request);
  }
  struct Entry {
    Ps arrived;
    std::uint64_t address;
    unsigned length;
    bool write;
    std::uint16_t requester;
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> log;
  std::vector<std::uint8_t> bytes;
  Ps read_latency = 100'000, write_latency = 100'000;
  /// When set, gives the latency of one request instead.
  std::function<Ps(const Entry&)> latency;
  struct Message {
    Ps at;
    std::uint64_t address;
    std::uint32_t data;
    std::uint16_t requester;
  };
  std::vector<Message> messages;
  unsigned outstanding = 0, most_outstanding = 0;

 private:
  tlm::tlm_sync_enum request(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
    const auto& ext = sim::TransactionPool::extension(payload);
    log.push_back({queue_.now(), payload.get_address(), payload.get_data_length(), payload.is_write(), ext.requester});
    most_outstanding = std::max(most_outstanding, ++outstanding);
    const Ps wait = latency ? latency(log.back()) : payload.is_write() ? write_latency : read_latency;
    queue_.post(queue_.now() + wait, *this, 0, reinterpret_cast<std::uintptr_t>(&payload));
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }
  void fire(std::uint32_t, std::uint64_t arg) override {
    auto& payload = *reinterpret_cast<tlm::tlm_generic_payload*>(static_cast<std::uintptr_t>(arg));
    --outstanding;
    const std::uint64_t address = payload.get_address();
    const std::size_t length = payload.get_data_length();
    if (address >> 20 == 0xfee && payload.is_write()) {
      std::uint32_t data;
      std::memcpy(&data, payload.get_data_ptr(), 4);
      messages.push_back({queue_.now(), address, data, sim::TransactionPool::extension(payload).requester});
      payload.set_response_status(tlm::TLM_OK_RESPONSE);
    } else if (address + length > bytes.size()) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    } else {
      if (payload.is_write())
        std::memcpy(bytes.data() + address, payload.get_data_ptr(), length);
      else
        std::memcpy(payload.get_data_ptr(), bytes.data() + address, length);
      payload.set_response_status(tlm::TLM_OK_RESPONSE);
    }
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = queue_.delay();
    in->nb_transport_bw(payload, phase, delay);
  }
  sim::EventQueue& queue_;
};

/// Stands where the IOMMU's registers are: remembers the last word written at each offset.
class TestChipset : public sc_core::sc_module, private sim::Actor {
 public:
  tlm_utils::simple_target_socket<TestChipset> in;
  TestChipset(sc_core::sc_module_name name, sim::EventQueue& queue) : sc_module(name), in("in"), words(512), queue_(queue) {
    in.register_nb_transport_fw(this, &TestChipset::request);
  }
  std::vector<std::uint64_t> words;

 private:
  tlm::tlm_sync_enum request(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
    std::uint64_t& word = words[payload.get_address() / 8];
    if (payload.is_write())
      std::memcpy(&word, payload.get_data_ptr(), payload.get_data_length());
    else
      std::memcpy(payload.get_data_ptr(), &word, payload.get_data_length());
    queue_.post(queue_.now() + 10'000, *this, 0, reinterpret_cast<std::uintptr_t>(&payload));
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }
  void fire(std::uint32_t, std::uint64_t arg) override {
    auto& payload = *reinterpret_cast<tlm::tlm_generic_payload*>(static_cast<std::uintptr_t>(arg));
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = queue_.delay();
    in->nb_transport_bw(payload, phase, delay);
  }
  sim::EventQueue& queue_;
};

/// A thread that runs a test's script and reaches the machine through the root complex.
class TestCore : public pcie::HostPort {
 public:
  SC_HAS_PROCESS(TestCore);
  TestCore(sc_core::sc_module_name name, sim::EventQueue& queue, std::uint64_t ecam_base) : HostPort(name, queue, ecam_base) {
    SC_THREAD(run);
  }
  std::function<void()> script;
  std::exception_ptr failure;
  bool stop_when_done = true;
  bool done = false;

 private:
  void run() {
    try {
      if (script) script();
    } catch (...) {
      failure = std::current_exception();
    }
    done = true;
    if (stop_when_done || failure) sc_core::sc_stop();
  }
};

/// 1af4:beef. BAR0 16 KiB: a register file of 64-bit words, MSI-X table at 0x2000 and PBA at 0x3000, four vectors.
/// Four VFs with a BAR0 of the same layout. Every DMA and callback is logged.
class TestDevice : public pcie::Endpoint {
 public:
  TestDevice(sc_core::sc_module_name name, const Settings& settings, sim::EventQueue& queue, sim::TransactionPool& pool)
      : Endpoint(name, settings, queue, pool) {
    pcie::Function& pf = add_function({.vendor = 0x1af4, .device = 0xbeef, .class_code = 0x020000});
    pf.config.add_bar(0, 16u << 10, pcie::BarKind::memory32);
    pf.add_msix({.vectors = 4, .table_offset = 0x2000, .pba_offset = 0x3000});
    pf.add_express({.mps_bytes = 512, .flr = true});
    pf.add_aer();
    pcie::add_ari(pf.config);
    pcie::Sriov::Spec sriov{.total_vfs = 4, .vf_offset = 0x80, .vf_stride = 2, .vf_device = 0xbef0};
    sriov.bars[0] = {16u << 10, pcie::BarKind::memory32};
    pf.add_sriov(sriov);
    for (unsigned i = 0; i < 4; ++i) {
      pcie::Function& vf = add_function({.class_code = 0x020000});
      vf.add_msix({.vectors = 4, .table_offset = 0x2000, .pba_offset = 0x3000});
      vf.add_express({.mps_bytes = 512, .flr = true});
    }
  }

  struct Done {
    std::uint64_t tag;
    Ps at;
    bool ok;
    bool read;
    PacketId packet;
    std::vector<std::uint8_t> bytes;
    bool operator==(const Done&) const = default;
  };
  std::vector<Done> done;
  bool keep_bytes = true;
  std::uint64_t registers[5][1024] = {};
  struct Access {
    Ps at;
    unsigned function, bar;
    std::uint64_t offset;
    unsigned bytes;
    std::uint64_t value;
    bool write;
  };
  std::vector<Access> accesses;
  std::vector<unsigned> vf_counts, resets;
  std::function<void(const Access&)> on_write;
  std::function<void(const Done&)> on_done;

  void read(unsigned f, std::uint64_t address, std::uint32_t length, std::uint64_t tag, pcie::PacketSpan packet = {}) {
    dma_read(f, address, length, tag, packet);
  }
  void write(unsigned f, std::uint64_t address, const std::vector<std::uint8_t>& data, std::uint64_t tag, pcie::PacketSpan packet = {}) {
    dma_write(f, address, data, tag, packet);
  }
  void interrupt(unsigned f, unsigned vector, NoticeId notice = 0) { send_msix(f, vector, notice); }
  unsigned pending() const { return in_flight(); }

 private:
  std::uint64_t read_bar(unsigned f, unsigned bar, std::uint64_t offset, unsigned length) override {
    std::uint64_t value = 0;
    std::memcpy(&value, reinterpret_cast<unsigned char*>(registers[f]) + (offset & 0x1fff), length);
    accesses.push_back({now(), f, bar, offset, length, value, false});
    return value;
  }
  void write_bar(unsigned f, unsigned bar, std::uint64_t offset, unsigned length, std::uint64_t value) override {
    std::memcpy(reinterpret_cast<unsigned char*>(registers[f]) + (offset & 0x1fff), &value, length);
    accesses.push_back({now(), f, bar, offset, length, value, true});
    if (on_write) on_write(accesses.back());
  }
  void dma_read_done(std::uint64_t tag, std::span<const std::uint8_t> data, bool ok, PacketId packet) override {
    finish({tag, now(), ok, true, packet, keep_bytes ? std::vector<std::uint8_t>(data.begin(), data.end()) : std::vector<std::uint8_t>{}});
  }
  void dma_write_done(std::uint64_t tag, bool ok) override { finish({tag, now(), ok, false, 0, {}}); }
  void vfs_changed(unsigned count) override { vf_counts.push_back(count); }
  void function_reset(unsigned f) override { resets.push_back(f); }
  void finish(Done entry) {
    done.push_back(std::move(entry));
    if (on_done) on_done(Done(done.back()));
  }
};

/// All of them, wired. Times are round numbers unless a test changes them.
struct PcieBench {
  static pcie::Config config() {
    pcie::Config c;
    c.propagation_ns = 50;
    c.root_complex_ns = 100;
    c.mmio_accept_ns = 20;
    c.config_ns = 30;
    return c;
  }
  explicit PcieBench(const pcie::Config& c = config(), pcie::Endpoint::Settings settings = {.read_tags = 32, .register_latency = 10'000},
                     bool run_ahead = true, const std::string& prefix = "")
      : queue((prefix + "queue").c_str(), run_ahead),
        rc((prefix + "rc").c_str(), c, queue, pool),
        device((prefix + "device").c_str(), settings, queue, pool),
        memory((prefix + "memory").c_str(), queue),
        chipset((prefix + "chipset").c_str(), queue),
        core((prefix + "core").c_str(), queue, c.ecam_base),
        timing(c.generation, c.width, c.mps_bytes) {
    core.out.bind(rc.mmio_in);
    rc.dma_out.bind(memory.in);
    rc.chipset_out.bind(chipset.in);
    rc.down[0].bind(device.tlp_in);
    device.tlp_out.bind(rc.up[0]);
  }
  /// Enumerates; the device is a bus master afterwards. From the script.
  pcie::FoundFunction plug() {
    pcie::Enumerator enumerator(core, pcie::windows_of(rc.config()));
    const auto found = enumerator.scan();
    const pcie::FoundFunction& nic = found.at(2);
    core.write(nic.bdf, pcie::spec::kCommand, 2, pcie::spec::kCommandMemoryEnable | pcie::spec::kCommandBusMaster);
    return nic;
  }
  /// Runs the script to its end; what it throws comes out here.
  void run(std::function<void()> script) {
    core.script = std::move(script);
    sc_core::sc_start();
    if (core.failure) std::rethrow_exception(core.failure);
    if (!core.done) throw std::runtime_error("the script waits for something that never comes");
  }
  /// Waits until the device has nothing in flight.
  void drain() {
    while (device.pending() != 0) core.sleep(1'000'000);
  }

  sim::TransactionPool pool;
  sim::EventQueue queue;
  pcie::RootComplex rc;
  TestDevice device;
  TestMemory memory;
  TestChipset chipset;
  TestCore core;
  pcie::LinkTiming timing;
};

}  // namespace iovirt::test
