// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A device with a translation cache behind a root complex, a core that runs a script, and a stand-in for the translation
// agent and memory beyond.
#pragma once

#include <cstring>
#include <map>

#include "test/support/atc_device_module.h"
#include "test/support/pcie_bench_module.h"

namespace iovirt::test {

namespace spec = pcie::spec;

/// A translation agent that knows some pages, with memory behind it, and a mouth for messages.
class TranslationAgent : public sc_core::sc_module, private sim::Actor {
 public:
  tlm_utils::simple_target_socket<TranslationAgent> in{"in"};
  tlm_utils::simple_initiator_socket_optional<TranslationAgent> out{"out"};
  TranslationAgent(sc_core::sc_module_name name, sim::EventQueue& queue, sim::TransactionPool& pool) : sc_module(name), queue_(queue), pool_(pool) {
    in.register_nb_transport_fw(this, &TranslationAgent::request);
  }
  struct Entry {
    Ps at = 0;
    sim::TlpKind kind = sim::TlpKind::memory;
    sim::AddressType type = sim::AddressType::untranslated;
    bool write = false, no_write = false;
    std::uint64_t address = 0, body = 0;
    unsigned bytes = 0;
    std::uint16_t requester = 0;
    std::uint32_t pasid = sim::kNoPasid;
    bool operator==(const Entry&) const = default;
  };
  std::vector<Entry> log;
  static constexpr Ps kLatency = 100'000;
  std::map<std::uint64_t, std::uint64_t> pages;  ///< by address: entries of completions
  Ps read_latency = kLatency, write_latency = kLatency;
  tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE;  ///< of translation requests

  tlm::tlm_response_status send(sim::TlpKind kind, std::uint16_t to, std::uint8_t itag, std::uint64_t body,
                                std::uint32_t pasid = sim::kNoPasid) {
    auto& payload = pool_.acquire(tlm::TLM_WRITE_COMMAND, std::uint64_t{to} << 12 | itag, 8);
    std::memcpy(payload.get_data_ptr(), &body, 8);
    sim::TransactionPool::extension(payload).kind = kind;
    sim::TransactionPool::extension(payload).pasid = pasid;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = queue_.delay();
    if (out->nb_transport_fw(payload, phase, delay) != tlm::TLM_COMPLETED) throw std::logic_error("not accepted at once");
    const auto result = payload.get_response_status();
    payload.release();
    return result;
  }

 private:
  tlm::tlm_sync_enum request(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
    const auto& ext = sim::TransactionPool::extension(payload);
    Entry entry{queue_.now(), ext.kind, ext.address_type, payload.is_write(), ext.no_write, payload.get_address(), 0,
                payload.get_data_length(), ext.requester, ext.pasid};
    if (entry.write) std::memcpy(&entry.body, payload.get_data_ptr(), std::min(entry.bytes, 8u));
    log.push_back(entry);
    queue_.post(queue_.now() + (entry.write ? write_latency : read_latency), *this, 0, reinterpret_cast<std::uintptr_t>(&payload));
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }
  void fire(std::uint32_t, std::uint64_t arg) override {
    auto& payload = *reinterpret_cast<tlm::tlm_generic_payload*>(static_cast<std::uintptr_t>(arg));
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    if (payload.is_read()) {
      std::memset(payload.get_data_ptr(), 0x5a, payload.get_data_length());
      if (sim::TransactionPool::extension(payload).address_type == sim::AddressType::translation_request) {
        const auto page = pages.find(payload.get_address());
        const std::uint64_t word = page == pages.end() ? 0 : page->second;
        std::memcpy(payload.get_data_ptr(), &word, 8);
        payload.set_response_status(status);
      }
    }
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = queue_.delay();
    in->nb_transport_bw(payload, phase, delay);
  }
  sim::EventQueue& queue_;
  sim::TransactionPool& pool_;
};

/// It, a root complex and a device with a translation cache.
struct AtsLinkBench {
  explicit AtsLinkBench(bool with_agent = true, const pcie::Config& c = PcieBench::config(), bool run_ahead = true,
                        const std::string& prefix = "")
      : queue((prefix + "queue").c_str(), run_ahead),
        rc((prefix + "rc").c_str(), c, queue, pool),
        device((prefix + "device").c_str(), queue, pool),
        agent((prefix + "agent").c_str(), queue, pool),
        core((prefix + "core").c_str(), queue, c.ecam_base),
        timing(c.generation, c.width, c.mps_bytes) {
    core.out.bind(rc.mmio_in);
    rc.dma_out.bind(agent.in);
    if (with_agent) agent.out.bind(rc.messages_in);
    rc.down[0].bind(device.tlp_in);
    device.tlp_out.bind(rc.up[0]);
  }
  std::uint16_t capability(std::uint16_t id, std::uint16_t bdf = 0x100) { return pcie::find_extended_capability(core, bdf, id); }
  void set(std::uint16_t id, std::uint16_t offset, unsigned bytes, std::uint32_t value, std::uint16_t bdf = 0x100) {
    core.write(bdf, static_cast<std::uint16_t>(capability(id, bdf) + offset), bytes, value);
  }
  std::uint32_t get(std::uint16_t id, std::uint16_t offset, unsigned bytes, std::uint16_t bdf = 0x100) {
    return core.read(bdf, static_cast<std::uint16_t>(capability(id, bdf) + offset), bytes);
  }
  /// `script` is to run when the device has been enumerated and may be bus master.
  void prepare(std::function<void()> script) {
    core.script = [this, script = std::move(script)] {
      pcie::Enumerator(core, pcie::windows_of(rc.config())).scan();
      core.write(0x100, spec::kCommand, 2, spec::kCommandMemoryEnable | spec::kCommandBusMaster);
      script();
    };
  }
  /// Runs it; what it throws comes out here.
  void run(std::function<void()> script) {
    prepare(std::move(script));
    sc_core::sc_start();
    check();
  }
  void check() const {
    if (core.failure) std::rethrow_exception(core.failure);
    if (!core.done) throw std::runtime_error("the script waits for something that never comes");
  }
  void enable_ats(std::uint16_t bdf = 0x100, unsigned stu = 0) {
    set(spec::kExtAts, spec::kAtsControl, 2, spec::kAtsEnable | stu, bdf);
  }
  void enable_pages(std::uint32_t allocation) {
    set(spec::kExtPageRequest, spec::kPriAllocation, 4, allocation);
    set(spec::kExtPageRequest, spec::kPriControl, 2, spec::kPriEnable);
  }
  void enable_pasid() {
    set(spec::kExtPasid, spec::kPasidControl, 2, spec::kPasidEnable | spec::kPasidExecute | spec::kPasidPrivileged);
  }
  void settle(Ps time = 20'000'000) { core.sleep(time); }
  const Atc::Transfer& finished(bool write, std::uint64_t address, std::uint32_t data = 0) {
    const std::size_t index = device.transfer(write, address, data);
    settle();
    return device.transfers[index];
  }

  sim::TransactionPool pool;
  sim::EventQueue queue;
  pcie::RootComplex rc;
  AtcDevice device;
  TranslationAgent agent;
  TestCore core;
  pcie::LinkTiming timing;
};

}  // namespace iovirt::test
