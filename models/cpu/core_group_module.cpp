// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The cores together: RAM for their walks, and interrupts on their way to a local APIC.
#include <cstring>

#include "models/cpu/core_module.h"

namespace iovirt::cpu {

class CoreGroup::WalkPort final : public MemoryPort {
 public:
  explicit WalkPort(MemorySystem& memory) : memory_(memory) {}
  bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override {
    if (address + bytes.size() > memory_.ram_bytes()) return false;
    std::memcpy(bytes.data(), memory_.ram() + address, bytes.size());
    return true;
  }
  bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override {
    if (address + bytes.size() > memory_.ram_bytes()) return false;
    std::memcpy(memory_.ram() + address, bytes.data(), bytes.size());
    return true;
  }

 private:
  MemorySystem& memory_;
};

CoreGroup::CoreGroup(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue,
                     sim::TransactionPool& pool, MemorySystem& memory, PacketLedger& ledger)
    : sc_module(name),
      interrupt_in("interrupt_in"),
      queue_(queue),
      pool_(pool),
      memory_(memory),
      ledger_(ledger),
      ipi_latency_(config.ipi_latency_ns * kPsPerNs),
      walk_port_(std::make_unique<WalkPort>(memory)) {
  interrupt_in.register_nb_transport_fw(this, &CoreGroup::interrupt);
  for (unsigned i = 0; i < config.cores; ++i)
    cores_.push_back(std::make_unique<Core>(("core" + std::to_string(i)).c_str(), i, config, *this));
  current_ = cores_.front().get();
}

tlm::tlm_sync_enum CoreGroup::interrupt(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_REQ) return tlm::TLM_ACCEPTED;
  std::uint32_t data = 0;
  std::memcpy(&data, payload.get_data_ptr(), sizeof data);
  ++interrupts_;
  route(InterruptMessage::from_msi(payload.get_address(), data));
  if (auto* extension = payload.get_extension<sim::RequesterExtension>()) extension->mark(Stage::interrupt, queue_.now());
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  phase = tlm::BEGIN_RESP;
  return tlm::TLM_COMPLETED;
}

void CoreGroup::route(const InterruptMessage& message) {
  for (auto& core : cores_) {
    if (!core->apic_.matches(message)) continue;
    core->accept(message);
    if (message.mode == DeliveryMode::lowest_priority) return;
  }
}

void CoreGroup::send(Core& from, const Ipi& ipi) {
  // Packed for the queue: a fixed IPI is a vector and a destination; shorthands name the sender.
  const std::uint64_t packed = ipi.message.destination | std::uint64_t{ipi.message.vector} << 32 |
                               std::uint64_t{ipi.shorthand} << 40 | std::uint64_t{from.index_} << 42 |
                               std::uint64_t{ipi.message.logical} << 63;
  queue_.post(queue_.now() + ipi_latency_, *this, 0, packed);
}

void CoreGroup::fire(std::uint32_t, std::uint64_t packed) {
  InterruptMessage message;
  message.destination = static_cast<std::uint32_t>(packed);
  message.vector = static_cast<std::uint8_t>(packed >> 32);
  message.logical = packed >> 63;
  const auto shorthand = static_cast<icr::Shorthand>(packed >> 40 & 3);
  const unsigned sender = packed >> 42 & 0xffff;
  if (shorthand == icr::none) return route(message);
  for (auto& core : cores_)
    if (shorthand != icr::all_but_self || core->index_ != sender) core->accept(message);
}

}  // namespace iovirt::cpu
