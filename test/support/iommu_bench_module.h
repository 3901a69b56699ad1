// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// An IOMMU between a requester and a memory, an interrupt sink, and a script that drives them.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"
#include "models/iommu/iommu_module.h"
#include "models/iommu/registers_spec.h"
#include "test/support/iommu_rig.h"
#include "test/support/iommu_tables.h"

namespace iovirt::test {

/// Answers every access after a fixed time, any number of them at once. Writes land, and reads look, at the end.
class TimedMemory : public sc_core::sc_module, private sim::Actor {
 public:
  struct Access {
    Ps at;
    bool write;
    std::uint64_t address;
    unsigned bytes;
    bool exclusive;
  };

  TimedMemory(sc_core::sc_module_name name, SparseMemory& data, sim::EventQueue& queue);
  tlm_utils::simple_target_socket<TimedMemory> in{"in"};
  Ps read_latency = 100 * kPsPerNs, write_latency = 50 * kPsPerNs;
  bool offers_debug = true;
  std::vector<Access> accesses;  ///< in the order of arrival

 private:
  void fire(std::uint32_t what, std::uint64_t arg) override;
  tlm::tlm_sync_enum nb(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& payload);
  bool access(tlm::tlm_generic_payload& payload);
  SparseMemory& data_;
  sim::EventQueue& queue_;
};

/// An IOMMU over a memory, its registers, an interrupt sink, and a script. What sends requests is derived from it.
class ScriptedIommu : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(ScriptedIommu);
  /// `script` runs in an SC_THREAD once `run` has been called; what it throws is thrown by `run`.
  ScriptedIommu(sc_core::sc_module_name name, const iommu::Config& config, std::function<void()> script);
  void run();

  void write(std::uint32_t offset, std::uint64_t value, unsigned bytes = 4);
  std::uint64_t read(std::uint32_t offset, unsigned bytes = 4);
  /// Words of a descriptor, 16 or 32 bytes as IQA.DW says.
  void submit(const DescriptorWords& words);
  /// Until every request has been answered and nothing happens any more.
  void settle(double ns = 10'000) { sc_core::wait(ns, sc_core::SC_NS); }

  struct Message {
    Ps at;
    std::uint64_t address;
    std::uint32_t data;
    std::uint16_t requester;
    sim::TlpKind kind;
  };
  const iommu::Statistics& statistics() const { return iommu.statistics(); }

  SparseMemory data;
  IommuTables tables{data};
  sim::EventQueue queue{"queue"};
  sim::TransactionPool pool;
  iommu::Iommu iommu;
  TimedMemory memory{"memory", data, queue};
  tlm_utils::simple_initiator_socket<ScriptedIommu> registers{"registers"};
  tlm_utils::simple_target_socket<ScriptedIommu> interrupts{"interrupts"};
  std::vector<Message> messages;

 private:
  void script_thread();
  tlm::tlm_sync_enum interrupted(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  std::function<void()> script_;
  std::exception_ptr failure_;
};

/// With a requester for whom the script speaks. It sends one request after the other, as the IOMMU accepts them.
class IommuBench : public ScriptedIommu {
 public:
  IommuBench(sc_core::sc_module_name name, const iommu::Config& config, std::function<void(IommuBench&)> script);

  /// Everything on, with a device per call of add_device.
  void enable(bool extended = false);
  std::uint64_t add_device(std::uint16_t source, std::uint16_t domain = 1);

  /// Sends now, or when what was sent before has been accepted; the index of its entry in `requests`.
  std::size_t send(std::uint16_t source, bool is_write, std::uint64_t address, unsigned bytes = 64, std::uint32_t data = 0);
  /// Of 4 bytes, none of them enabled.
  std::size_t send_zero_length_read(std::uint16_t source, std::uint64_t address);
  std::size_t msi(std::uint16_t source, unsigned index) { return send(source, true, msi_address(index), 4); }

  struct Request {
    Ps sent = 0, accepted = 0, answered = 0;
    tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
    std::uint64_t address = 0;
    std::uint32_t data = 0;  ///< the first bytes read
  };
  double took_ns(std::size_t request) const { return ps_to_ns(requests[request].answered - requests[request].sent); }
  /// Accesses to memory below and above the tables, in order.
  std::vector<TimedMemory::Access> data_accesses() const;

  tlm_utils::simple_initiator_socket<IommuBench> dma{"dma"};
  std::vector<Request> requests;

 private:
  tlm::tlm_generic_payload& make(std::uint16_t source, bool is_write, std::uint64_t address, unsigned bytes);
  std::size_t queue_up(tlm::tlm_generic_payload& payload);
  void pump();
  tlm::tlm_sync_enum answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  std::deque<tlm::tlm_generic_payload*> backlog_;
  tlm::tlm_generic_payload* unended_ = nullptr;
};

/// A bench that runs `script`.
inline void run(const iommu::Config& config, std::function<void(IommuBench&)> script) {
  IommuBench bench("bench", config, std::move(script));
  bench.run();
}

}  // namespace iovirt::test
