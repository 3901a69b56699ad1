// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Sockets, registers, and the way of the IOMMU's own transactions.

#include "models/iommu/iommu_module.h"

#include <algorithm>
#include <cstring>

#include "models/iommu/registers_spec.h"

namespace iovirt::iommu {
namespace {

std::uint64_t as_argument(void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

}  // namespace

Iommu::Iommu(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, sim::TransactionPool& pool)
    : sc_module(name),
      queue_(queue),
      pool_(pool),
      unit_(config),
      lookup_(ns_to_ps(config.lookup_ns)),
      walk_step_(ns_to_ps(config.walk_step_ns)),
      remap_(ns_to_ps(config.remap_ns)),
      invalidation_(ns_to_ps(config.invalidation_ns)),
      register_(ns_to_ps(config.register_ns)),
      device_timeout_(ns_to_ps(config.device_tlb_timeout_ns)),
      reads_in_order_(config.reads_passed < Config::kUnordered),
      may_stall_(config.walk_queue != 0 || !config.hit_under_miss),
      cache_times_(config),
      timed_caches_(cache_times_.any()),
      mem_channel_(mem_out, queue, *this, answered),
      interrupt_channel_(interrupt_out, queue, *this, answered),
      device_channel_(device_out, queue, *this, answered),
      dma_responses_(dma_in, queue),
      register_responses_(regs, queue),
      lookups_(queue, *this),
      walk_steps_(queue, *this),
      walkers_(config.walkers) {
  for (Walker& walker : walkers_.all()) {
    walker.own = &start(Flight::Kind::walk_read, tlm::TLM_READ_COMMAND, 0, kMaxReadBytes);
    walker.own->walker = &walker;
  }
  device_out.register_nb_transport_bw(this, &Iommu::device_bw);
  regs.register_nb_transport_fw(this, &Iommu::regs_fw);
  regs.register_b_transport(this, &Iommu::regs_b);
}

void Iommu::fire(std::uint32_t what, std::uint64_t arg) {
  const auto flight = [arg]() -> Flight& { return *reinterpret_cast<Flight*>(static_cast<std::uintptr_t>(arg)); };
  const auto payload = [arg]() -> Payload& { return *reinterpret_cast<Payload*>(static_cast<std::uintptr_t>(arg)); };
  switch (what) {
    case looked_up: return found(flight());
    case arrive:
      if (!may_stall_) return accept(payload());
      if (enter(payload())) end_request(payload());
      return;
    case remapped_at_once: return settled(flight());
    case missed:
      --looking_;
      return want_walk(flight());
    case walk_access: return access_entry(*reinterpret_cast<Walker*>(static_cast<std::uintptr_t>(arg)));
    case entry_read: return remapping_entry_wanted(flight());
    case answered: return answer(flight());
    case execute: return execute_invalidation();
    case walk_over: {
      Walker& walker = *reinterpret_cast<Walker*>(static_cast<std::uintptr_t>(arg));
      return end_walk(walker, walker.step);
    }
    case device_timeout: return check_timeouts();
    case register_arrive: return registers_arrived(payload());
    case register_done: return register_responses_.respond(payload());
    default: return;
  }
}

void Iommu::remapping_entry_wanted(Flight& flight) {
  Flight& own = start(Flight::Kind::entry_read, tlm::TLM_READ_COMMAND, flight.remapping.entry_address, irte::kBytes);
  own.owner = &flight;
  mem_channel_.send(*own.payload);
}

void Iommu::registers_arrived(Payload& payload) {
  access_registers(payload);
  queue_.post(queue_.now() + register_, *this, register_done, as_argument(&payload));
}

/// False: there is no place for its lookup yet; END_REQ follows when there is.
bool Iommu::enter(Payload& payload) {
  accept(payload);
  if (held_.empty() || held_.last().payload != &payload) return true;
  held_.last().unended = true;
  return false;
}

void Iommu::end_request(Payload& payload) {
  tlm::tlm_phase phase = tlm::END_REQ;
  sc_core::sc_time delay = queue_.delay();
  dma_in->nb_transport_bw(payload, phase, delay);
}

template <class Channel>
[[gnu::always_inline]] inline tlm::tlm_sync_enum Iommu::downstream_bw(Channel& channel, Payload& payload, tlm::tlm_phase& phase,
                                                                     sc_core::sc_time& delay) {
  queue_.catch_up();
  const bool response = phase == tlm::BEGIN_RESP;
  channel.ended(payload);
  if (!response) return tlm::TLM_ACCEPTED;
  Flight& flight = Flight::of(payload);
  const Ps when = queue_.time_of(delay);
  if (when > queue_.now())
    queue_.post(when, *this, answered, as_argument(&flight));
  else
    answer(flight);
  return tlm::TLM_COMPLETED;
}

tlm::tlm_sync_enum Iommu::mem_bw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  return downstream_bw(mem_channel_, payload, phase, delay);
}

tlm::tlm_sync_enum Iommu::interrupt_bw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  return downstream_bw(interrupt_channel_, payload, phase, delay);
}

tlm::tlm_sync_enum Iommu::device_bw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  return downstream_bw(device_channel_, payload, phase, delay);
}

Flight& Iommu::start(Flight::Kind kind, tlm::tlm_command command, std::uint64_t address, unsigned bytes) {
  Payload& payload = pool_.acquire(command, address, bytes);
  Flight& flight = flights_.acquire(kind, payload, &sim::TransactionPool::extension_of_ours(payload));
  flight.attach();
  return flight;
}

void Iommu::answer(Flight& flight) {
  if (flight.kind == Flight::Kind::walk_read) return entry_answered(flight);
  if (flight.kind <= Flight::Kind::write) return request_answered(flight);
  if (flight.kind == Flight::Kind::walk_update) return update_entry(flight);
  own_answered(flight);
}

void Iommu::own_answered(Flight& flight) {
  Payload& payload = *flight.payload;
  const bool ok = payload.is_response_ok();
  flight.detach();
  switch (flight.kind) {
    case Flight::Kind::entry_read: {
      std::uint64_t words[irte::kBytes / 8];
      std::memcpy(words, payload.get_data_ptr(), irte::kBytes);
      Flight& owner = *flight.owner;
      payload.release();
      flights_.release(flight);
      return remapped(owner, unit_.remapper().resume(owner.remapping, ok, words[0], words[1]));
    }
    case Flight::Kind::posted_read: return posted_read(flight);
    case Flight::Kind::descriptor_read: return descriptor_answered(flight);
    case Flight::Kind::posted_write:
    case Flight::Kind::status_write:
    case Flight::Kind::message:
    case Flight::Kind::device_message:
    case Flight::Kind::page_write:
    case Flight::Kind::event: {
      const Flight::Kind kind = flight.kind;
      const std::uint64_t address = flight.downstream_address;
      const bool ends_descriptor = flight.ends_descriptor, completes = flight.completes;
      Flight* owner = flight.owner;
      payload.release();
      flights_.release(flight);
      if (kind == Flight::Kind::status_write) return wait_done(ends_descriptor, completes);
      if (kind == Flight::Kind::page_write) {
        unit_.page_requests().written(address);
        unit_.statistics().page_queue_occupancy_peak =
            std::max(unit_.statistics().page_queue_occupancy_peak, unit_.page_requests().occupancy());
        flush_events();
        return page_request_done();
      }
      if (kind == Flight::Kind::message) return respond(*owner, tlm::TLM_OK_RESPONSE);
      return;
    }
    default: return;
  }
}

void Iommu::access_registers(Payload& payload) {
  const std::uint64_t offset = payload.get_address();
  const unsigned bytes = payload.get_data_length();
  if (payload.get_byte_enable_ptr()) return payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  if (offset >= reg::kWindowBytes) return payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  if (bytes == 0 || bytes > 8) return payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
  std::uint64_t value = 0;
  if (payload.is_read()) {
    value = unit_.read(static_cast<std::uint32_t>(offset), bytes);
    std::memcpy(payload.get_data_ptr(), &value, bytes);
  } else if (payload.is_write()) {
    std::memcpy(&value, payload.get_data_ptr(), bytes);
    unit_.write(static_cast<std::uint32_t>(offset), bytes, value);
    flush_events();
    kick();
  }
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

tlm::tlm_sync_enum Iommu::regs_fw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay) {
  queue_.catch_up();
  if (phase == tlm::END_RESP) {
    register_responses_.ended();
    return tlm::TLM_COMPLETED;
  }
  queue_.post(queue_.time_of(delay), *this, register_arrive, as_argument(&payload));
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

void Iommu::regs_b(Payload& payload, sc_core::sc_time& delay) {
  if (delay != sc_core::SC_ZERO_TIME) {
    sc_core::wait(delay);  // registers act at their own time, not ahead of the kernel's
    delay = sc_core::SC_ZERO_TIME;
  }
  queue_.catch_up();
  access_registers(payload);
  delay += sc_core::sc_time::from_value(register_);
}

}  // namespace iovirt::iommu
