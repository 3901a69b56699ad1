// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A core reduced to its port: an SC_THREAD loads and stores device registers and configuration space through the root
// complex and waits for each. For examples, tests and platforms that have no core model of their own.
#pragma once

#include <cstdint>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>

#include "lib/sim/event_queue.h"
#include "models/pcie/enumeration.h"

namespace iovirt::pcie {

class HostPort : public sc_core::sc_module, public ConfigAccess {
 public:
  /// To RootComplex::mmio_in.
  tlm_utils::simple_initiator_socket<HostPort> out;

  HostPort(sc_core::sc_module_name name, sim::EventQueue& queue, std::uint64_t ecam_base);

  /// 1, 2, 4 or 8 bytes; return when the access is over. REQUIRES: called from an SC_THREAD, one at a time.
  std::uint64_t load(std::uint64_t address, unsigned bytes);
  void store(std::uint64_t address, unsigned bytes, std::uint64_t value);
  /// Configuration space through the ECAM window.
  std::uint32_t read(Bdf function, std::uint16_t offset, unsigned bytes) override;
  void write(Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) override;
  /// Lets time pass; the path has caught up when it returns.
  void sleep(Ps duration);
  Ps now() const { return sc_core::sc_time_stamp().value(); }
  tlm::tlm_response_status last_status() const { return last_status_; }

 private:
  void access(tlm::tlm_command command, std::uint64_t address, void* data, unsigned bytes);
  tlm::tlm_sync_enum answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);

  sim::EventQueue& queue_;
  std::uint64_t ecam_base_;
  sc_core::sc_event event_;
  bool answered_ = false;
  Ps answered_at_ = 0;
  tlm::tlm_response_status last_status_ = tlm::TLM_OK_RESPONSE;
};

}  // namespace iovirt::pcie
