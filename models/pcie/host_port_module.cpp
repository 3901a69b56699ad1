// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/host_port_module.h"

namespace iovirt::pcie {

HostPort::HostPort(sc_core::sc_module_name name, sim::EventQueue& queue, std::uint64_t ecam_base)
    : sc_module(name), out("out"), queue_(queue), ecam_base_(ecam_base) {
  out.register_nb_transport_bw(this, &HostPort::answered);
}

std::uint64_t HostPort::load(std::uint64_t address, unsigned bytes) {
  std::uint64_t value = 0;
  access(tlm::TLM_READ_COMMAND, address, &value, bytes);
  return value;
}

void HostPort::store(std::uint64_t address, unsigned bytes, std::uint64_t value) {
  access(tlm::TLM_WRITE_COMMAND, address, &value, bytes);
}

std::uint32_t HostPort::read(Bdf function, std::uint16_t offset, unsigned bytes) {
  return static_cast<std::uint32_t>(load(ecam_base_ + (static_cast<std::uint64_t>(function) << 12) + offset, bytes));
}

void HostPort::write(Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) {
  store(ecam_base_ + (static_cast<std::uint64_t>(function) << 12) + offset, bytes, value);
}

void HostPort::sleep(Ps duration) {
  sc_core::wait(sc_core::sc_time::from_value(duration));
  queue_.catch_up();
}

void HostPort::access(tlm::tlm_command command, std::uint64_t address, void* data, unsigned bytes) {
  queue_.catch_up();
  tlm::tlm_generic_payload payload;
  payload.set_command(command);
  payload.set_address(address);
  payload.set_data_ptr(static_cast<unsigned char*>(data));
  payload.set_data_length(bytes);
  payload.set_streaming_width(bytes);
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_core::sc_time delay = queue_.delay();
  answered_ = false;
  out->nb_transport_fw(payload, phase, delay);
  // The path may have answered ahead of the kernel: the answer counts at its own time.
  while (!answered_ || now() < answered_at_) sc_core::wait(event_);
  queue_.catch_up();
  last_status_ = payload.get_response_status();
}

tlm::tlm_sync_enum HostPort::answered(tlm::tlm_generic_payload&, tlm::tlm_phase&, sc_core::sc_time&) {
  answered_ = true;
  answered_at_ = queue_.now();
  queue_.notify(event_);
  return tlm::TLM_COMPLETED;
}

}  // namespace iovirt::pcie
