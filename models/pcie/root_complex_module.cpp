// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/root_complex_module.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <string>

namespace iovirt::pcie {
namespace {

const Config& valid(const Config& config) {
  config.validate();
  return config;
}

enum What : std::uint32_t { kDispatch, kUpArrived, kCredit, kDownRequest, kDownCompletion, kOwnConfig };
constexpr std::uint32_t what(What kind, unsigned port = 0) { return kind | port << 8; }

// What travels up a link: a request of the device (its payload's address), or the completion of a core's request
// (its slot, marked by bit 0).
std::uint64_t handle_of(tlm::tlm_generic_payload& payload) { return reinterpret_cast<std::uintptr_t>(&payload); }
tlm::tlm_generic_payload& payload_of(std::uint64_t handle) {
  return *reinterpret_cast<tlm::tlm_generic_payload*>(static_cast<std::uintptr_t>(handle));
}
std::uint64_t handle_of(std::uint32_t slot) { return static_cast<std::uint64_t>(slot) << 1 | 1; }
bool is_completion(std::uint64_t handle) { return (handle & 1) != 0; }
std::uint32_t slot_of(std::uint64_t handle) { return static_cast<std::uint32_t>(handle >> 1); }

constexpr unsigned kConfigOverheadBytes = 20;  // 3-dword header
constexpr std::uint64_t kMessageTag = ~0ull;  // belongs to no core's request
constexpr unsigned kRouteSlotBits = 24;

/// Needs a translation agent beyond the root complex.
bool is_translation_service(const sim::RequesterExtension& ext) {
  return ext.kind != sim::TlpKind::memory || ext.address_type != sim::AddressType::untranslated;
}

/// A message's, or a request's with a PASID.
[[gnu::noinline]] unsigned wire_bytes(const tlm::tlm_generic_payload& payload, const sim::RequesterExtension& ext) {
  const unsigned prefix = ext.pasid != sim::kNoPasid ? kPasidPrefixBytes : 0;
  if (ext.kind == sim::TlpKind::invalidate_request) return prefix + kMessageBytes + payload.get_data_length();
  if (ext.kind != sim::TlpKind::memory) return prefix + kMessageBytes;  // its body is in the header
  return prefix + (payload.is_write() ? kWriteOverheadBytes + payload.get_data_length() : kReadRequestBytes);
}

tlm::tlm_sync_enum accepted(tlm::tlm_phase& phase) {
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

}  // namespace

/// A root port and its link.
struct RootComplex::Port {
  Port(unsigned i, const Config& config, const LinkTiming& timing)
      : index(i),
        function(Identity{.vendor = 0x8086, .device = 0x3420, .class_code = 0x060400}, ConfigSpace::Header::type1),
        up(timing, config.posted_credits, config.nonposted_credits),
        written(std::bit_ceil(static_cast<std::size_t>(config.posted_credits) + 1), 0) {
    add_power_management(function.config, 0x40);
    function.add_express({.port = Express::Port::root_port,
                          .mps_bytes = config.mps_bytes,
                          .generation = config.generation,
                          .width = config.width,
                          .ari_forwarding = true},
                         0x90);
  }
  struct Held {
    std::uint64_t handle = 0;
    std::uint64_t barrier = 0;  // goes on when this many writes are in memory
  };

  unsigned index;
  Function function;
  // What the port's configuration says, so that not every access of a core reads it anew.
  ConfigSpace::Window memory, prefetchable;
  CreditedLink up;
  Ps credit_wake = CreditedLink::kNever;
  Ps down_free = 0;
  std::uint64_t down_bytes = 0, down_tlps = 0;
  // Writes beyond this port, in order: all before `writes_done` are in memory; `written` marks those done early.
  std::uint64_t writes_forwarded = 0, writes_done = 0;
  std::vector<std::uint8_t> written;
  Ring<Held> held;
};

/// A request of a core.
struct RootComplex::Mmio {
  tlm::tlm_generic_payload* from_core = nullptr;  // null once answered
  tlm::tlm_generic_payload* onward = nullptr;     // towards the device or the chipset
  int core = 0;
  bool config = false;
};

RootComplex::RootComplex(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, sim::TransactionPool& pool)
    : sc_module(name),
      mmio_in("mmio_in"),
      dma_out("dma_out"),
      chipset_out("chipset_out"),
      messages_in("messages_in"),
      down("down", valid(config).ports),
      up("up", config.ports),
      config_(config),
      queue_(queue),
      pool_(pool),
      timing_(config.generation, config.width, config.mps_bytes),
      propagation_(ns_to_ps(config.propagation_ns)),
      latency_(ns_to_ps(config.root_complex_ns)),
      accept_(ns_to_ps(config.mmio_accept_ns)),
      config_latency_(ns_to_ps(config.config_ns)),
      host_bridge_(std::make_unique<Function>(Identity{.vendor = 0x8086, .device = 0x29c0, .class_code = 0x060000})) {
  mmio_in.register_nb_transport_fw(this, &RootComplex::from_core);
  dma_out.register_nb_transport_bw(this, &RootComplex::dma_answered);
  chipset_out.register_nb_transport_bw(this, &RootComplex::chipset_answered);
  messages_in.register_nb_transport_fw(this, &RootComplex::from_translation_agent);
  for (unsigned i = 0; i < config.ports; ++i) {
    ports_.push_back(std::make_unique<Port>(i, config_, timing_));
    down[i].register_nb_transport_bw(this, &RootComplex::device_answered, static_cast<int>(i));
    up[i].register_nb_transport_fw(this, &RootComplex::from_device, static_cast<int>(i));
  }
}

RootComplex::~RootComplex() = default;

Function& RootComplex::root_port(unsigned port) { return ports_[port]->function; }

RootComplex::Counters RootComplex::port_counters(unsigned i) const {
  const Port& port = *ports_[i];
  return {port.up.bytes(), port.down_bytes, port.up.tlps() + port.down_tlps, port.up.stalled(), 0};
}

RootComplex::Counters RootComplex::counters() const {
  Counters sum;
  for (unsigned i = 0; i < ports_.size(); ++i) {
    const Counters port = port_counters(i);
    sum.up_bytes += port.up_bytes;
    sum.down_bytes += port.down_bytes;
    sum.tlps += port.tlps;
    sum.stalled += port.stalled;
  }
  sum.unclaimed = unclaimed_;
  return sum;
}

void RootComplex::fire(std::uint32_t event, std::uint64_t arg) {
  Port* port = event >> 8 < ports_.size() ? ports_[event >> 8].get() : nullptr;
  switch (static_cast<What>(event & 0xff)) {
    case kUpArrived:
      arrived(*port, arg);
      break;
    case kDownCompletion: {
      tlm::tlm_generic_payload& payload = payload_of(arg);
      if (auto* ext = payload.get_extension<sim::RequesterExtension>()) ext->mark(Stage::pcie, queue_.now());
      tlm::tlm_phase phase = tlm::BEGIN_RESP;
      sc_core::sc_time delay = queue_.delay();
      up[port->index]->nb_transport_bw(payload, phase, delay);
      break;
    }
    case kDownRequest: {
      tlm::tlm_phase phase = tlm::BEGIN_REQ;
      sc_core::sc_time delay = queue_.delay();
      down[port->index]->nb_transport_fw(payload_of(arg), phase, delay);
      break;
    }
    case kCredit:
      port->credit_wake = CreditedLink::kNever;
      pump(*port);
      break;
    case kDispatch:
      dispatch(static_cast<std::uint32_t>(arg));
      break;
    case kOwnConfig:
      finish(static_cast<std::uint32_t>(arg), tlm::TLM_OK_RESPONSE);
      break;
  }
}

// -- upstream -----------------------------------------------------------------------------------------------------

tlm::tlm_sync_enum RootComplex::from_device(int index, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_REQ) return tlm::TLM_COMPLETED;
  Port& port = *ports_[static_cast<unsigned>(index)];
  const bool write = payload.is_write();
  unsigned bytes = write ? kWriteOverheadBytes + payload.get_data_length() : kReadRequestBytes;
  const auto& ext = sim::TransactionPool::extension(payload);
  if (ext.kind != sim::TlpKind::memory || ext.pasid != sim::kNoPasid) bytes = wire_bytes(payload, ext);
  send_up(port, handle_of(payload), bytes, write ? Flow::posted : Flow::nonposted);
  return accepted(phase);
}

void RootComplex::send_up(Port& port, std::uint64_t handle, std::uint32_t wire_bytes, Flow flow) {
  const Ps now = queue_.now();
  if (port.up.idle()) {
    if (const auto tlp = port.up.launch_at_once({handle, wire_bytes, flow}, now)) return on_its_way(port, *tlp);
  }
  port.up.queue({handle, wire_bytes, flow}, now);
  pump(port);
}

void RootComplex::on_its_way(Port& port, const CreditedLink::Launch& tlp) {
  queue_.post(tlp.end + propagation_ + latency_, *this, what(kUpArrived, port.index), tlp.handle);
}

void RootComplex::pump(Port& port) {
  if (port.up.idle()) return;
  const Ps now = queue_.now();
  while (const auto tlp = port.up.next(now)) on_its_way(port, *tlp);
  const Ps wake = port.up.wake_at();
  if (wake < port.credit_wake) {
    port.credit_wake = wake;
    queue_.post(wake, *this, what(kCredit, port.index));
  }
}

void RootComplex::arrived(Port& port, std::uint64_t handle) {
  if (!is_completion(handle)) {
    tlm::tlm_generic_payload& payload = payload_of(handle);
    auto& ext = sim::TransactionPool::extension(payload);
    ext.mark(Stage::pcie, queue_.now());
    ext.route = port.index << kRouteSlotBits;
    if (payload.is_write()) {
      ext.route |= static_cast<std::uint32_t>(port.writes_forwarded++ & (port.written.size() - 1));
      if (is_translation_service(ext) && messages_in.size() == 0) return refuse(payload);
      forward(payload);
      return;
    }
    if (is_translation_service(ext) && messages_in.size() == 0) return refuse(payload);
  }
  if (port.held.empty() && port.writes_done == port.writes_forwarded) return goes_on(handle);
  port.held.push({handle, port.writes_forwarded});
  release_held(port);
}

/// A read, or a completion towards a core, that has waited for the port's earlier writes.
void RootComplex::goes_on(std::uint64_t handle) {
  if (!is_completion(handle)) return forward(payload_of(handle));
  const std::uint32_t slot = slot_of(handle);
  const bool ok = mmio_[slot].onward->is_response_ok();
  if (ok)
    finish(slot, tlm::TLM_OK_RESPONSE);
  else
    finish_absent(slot, mmio_[slot].config ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

void RootComplex::release_held(Port& port) {
  while (!port.held.empty() && port.held.front().barrier <= port.writes_done) {
    const std::uint64_t handle = port.held.front().handle;
    port.held.pop();
    goes_on(handle);
  }
}

void RootComplex::forward(tlm::tlm_generic_payload& payload) {
  if (unended_) return waiting_.push(&payload);
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_core::sc_time delay = queue_.delay();
  if (dma_out->nb_transport_fw(payload, phase, delay) == tlm::TLM_ACCEPTED) unended_ = &payload;
}

void RootComplex::request_ended(tlm::tlm_generic_payload& payload) {
  if (unended_ != &payload) return;
  unended_ = nullptr;
  while (!unended_ && !waiting_.empty()) {
    tlm::tlm_generic_payload& next = *waiting_.front();
    waiting_.pop();
    forward(next);
  }
}

Ps RootComplex::claim_down(Port& port, std::uint32_t wire_bytes) {
  // Everything takes the same time to get here, so claims come in the order of their starts.
  const Ps start = std::max(queue_.now() + latency_, port.down_free);
  port.down_free = start + timing_.time(wire_bytes);
  port.down_bytes += wire_bytes;
  return port.down_free + propagation_;
}

tlm::tlm_sync_enum RootComplex::dma_answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  request_ended(payload);  // END_REQ, or an answer that says so too
  if (phase != tlm::BEGIN_RESP) return tlm::TLM_ACCEPTED;
  const auto& ext = sim::TransactionPool::extension(payload);
  Port& port = *ports_[ext.route >> kRouteSlotBits];
  const Ps now = queue_.now();
  if (payload.is_write()) {
    const std::size_t mask = port.written.size() - 1;
    port.written[ext.route & mask] = 1;
    for (std::uint8_t* done; port.writes_done < port.writes_forwarded && *(done = &port.written[port.writes_done & mask]) != 0;
         ++port.writes_done)
      *done = 0;
    port.up.give_back(Flow::posted, now + propagation_);
    release_held(port);
    sc_core::sc_time delay = queue_.delay();
    up[port.index]->nb_transport_bw(payload, phase, delay);
  } else {
    port.up.give_back(Flow::nonposted, now + propagation_);
    unsigned tlps = 1;
    unsigned bytes = 0;
    if (payload.is_response_ok()) {
      bytes = payload.get_data_length();
      // What a translation request is told has no address (10.2.3).
      const bool translated = ext.address_type == sim::AddressType::translation_request;
      tlps = completions(translated ? 0 : payload.get_address(), bytes, config_.split_at_rcb ? config_.rcb_bytes : port.function.express()->mps());
    }
    port.down_tlps += tlps;
    const Ps at = claim_down(port, tlps * kCompletionOverheadBytes + bytes);
    queue_.post(at, *this, what(kDownCompletion, port.index), handle_of(payload));
  }
  pump(port);
  return tlm::TLM_COMPLETED;
}

/// Answers it as whoever sits at dma_out would.
void RootComplex::refuse(tlm::tlm_generic_payload& payload) {
  payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  tlm::tlm_phase phase = tlm::BEGIN_RESP;
  sc_core::sc_time delay = queue_.delay();
  dma_answered(payload, phase, delay);
}

// -- from the translation agent ---------------------------------------------------------------------------------

tlm::tlm_sync_enum RootComplex::from_translation_agent(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_REQ) return tlm::TLM_COMPLETED;
  Port* port = port_of_bus(static_cast<unsigned>(payload.get_address() >> 20));
  payload.set_response_status(port ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  if (!port) {
    ++unclaimed_;
    return tlm::TLM_COMPLETED;
  }
  auto& onward = pool_.acquire(tlm::TLM_WRITE_COMMAND, payload.get_address(), payload.get_data_length());
  std::memcpy(onward.get_data_ptr(), payload.get_data_ptr(), payload.get_data_length());
  auto& ext = sim::TransactionPool::extension_of_ours(onward);
  const auto& from = sim::TransactionPool::extension(payload);
  ext.kind = from.kind;
  ext.pasid = from.pasid;
  ext.tag = kMessageTag;
  ++port->down_tlps;
  queue_.post(claim_down(*port, wire_bytes(onward, ext)), *this, what(kDownRequest, port->index), handle_of(onward));
  return tlm::TLM_COMPLETED;
}

// -- from cores -------------------------------------------------------------------------------------------------

tlm::tlm_sync_enum RootComplex::from_core(int id, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_REQ) return tlm::TLM_COMPLETED;
  std::uint32_t slot;
  if (idle_mmio_.empty()) {
    slot = static_cast<std::uint32_t>(mmio_.size());
    mmio_.emplace_back();
  } else {
    slot = idle_mmio_.back();
    idle_mmio_.pop_back();
  }
  mmio_[slot] = {&payload, nullptr, id, false};
  queue_.post(queue_.now() + accept_, *this, what(kDispatch), slot);
  return accepted(phase);
}

void RootComplex::dispatch(std::uint32_t slot) {
  tlm::tlm_generic_payload& payload = *mmio_[slot].from_core;
  const std::uint64_t address = payload.get_address();
  const auto* ext = payload.get_extension<sim::RequesterExtension>();
  if (ext && ext->kind == sim::TlpKind::config) {
    dispatch_config(slot, static_cast<Bdf>(address >> 12), address & 0xfff);
  } else if (address - config_.ecam_base < Config::kEcamBytes) {
    const std::uint64_t offset = address - config_.ecam_base;
    dispatch_config(slot, static_cast<Bdf>(offset >> 12), offset & 0xfff);
  } else if (chipset_out.size() != 0 && address - config_.chipset_base < config_.chipset_bytes) {
    to_chipset(slot);
  } else if (Port* port = port_of_address(address)) {
    to_device(slot, *port, sim::TlpKind::memory, address);
  } else {
    ++unclaimed_;
    finish_absent(slot, payload.is_write() ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }
}

void RootComplex::dispatch_config(std::uint32_t slot, Bdf function, std::uint16_t offset) {
  mmio_[slot].config = true;
  const unsigned bus = function >> 8;
  const unsigned device = (function >> 3) & 0x1f;
  if (bus == 0) {
    Function* own = nullptr;
    if ((function & 7) == 0 && device == 0) own = host_bridge_.get();
    if ((function & 7) == 0 && device >= 1 && device <= ports_.size()) own = &ports_[device - 1]->function;
    own_config(slot, own, offset);
    return;
  }
  Port* port = port_of_bus(bus);
  // Below a root port there is device 0 only, unless the port forwards ARI routing ids (7.8.7).
  const bool type0 = port && bus == port->function.config.secondary_bus();
  if (!port || (type0 && device != 0 && !port->function.express()->ari_forwarding()))
    own_config(slot, nullptr, offset);
  else
    to_device(slot, *port, sim::TlpKind::config, static_cast<std::uint64_t>(function) << 12 | offset);
}

void RootComplex::own_config(std::uint32_t slot, Function* function, std::uint16_t offset) {
  tlm::tlm_generic_payload& payload = *mmio_[slot].from_core;
  const unsigned bytes = std::min(payload.get_data_length(), 8u);
  if (payload.is_write()) {
    std::uint64_t value = 0;
    std::memcpy(&value, payload.get_data_ptr(), bytes);
    if (function) function->config.write(offset, bytes, value);
    for (auto& port : ports_) {
      port->memory = port->function.config.memory_window();
      port->prefetchable = port->function.config.prefetchable_window();
    }
  } else {
    const std::uint64_t value = function ? function->config.read(offset, bytes) : ~0ull;
    std::memcpy(payload.get_data_ptr(), &value, bytes);
  }
  queue_.post(queue_.now() + config_latency_, *this, what(kOwnConfig), slot);
}

void RootComplex::to_chipset(std::uint32_t slot) {
  tlm::tlm_generic_payload& payload = *mmio_[slot].from_core;
  const std::size_t bytes = payload.get_data_length();
  auto& onward = pool_.acquire(payload.get_command(), payload.get_address() - config_.chipset_base, bytes);
  if (payload.is_write()) std::memcpy(onward.get_data_ptr(), payload.get_data_ptr(), bytes);
  sim::TransactionPool::extension_of_ours(onward).tag = slot;
  mmio_[slot].onward = &onward;
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_core::sc_time delay = queue_.delay();
  chipset_out->nb_transport_fw(onward, phase, delay);
}

void RootComplex::to_device(std::uint32_t slot, Port& port, sim::TlpKind kind, std::uint64_t address) {
  tlm::tlm_generic_payload& payload = *mmio_[slot].from_core;
  const std::size_t bytes = payload.get_data_length();
  const bool write = payload.is_write();
  auto& onward = pool_.acquire(payload.get_command(), address, bytes);
  auto& ext = sim::TransactionPool::extension_of_ours(onward);
  ext.kind = kind;
  ext.tag = slot;
  mmio_[slot].onward = &onward;
  if (write) std::memcpy(onward.get_data_ptr(), payload.get_data_ptr(), bytes);
  const unsigned overhead = kind == sim::TlpKind::config ? kConfigOverheadBytes : kWriteOverheadBytes;
  ++port.down_tlps;
  const Ps at = claim_down(port, overhead + static_cast<unsigned>(write ? bytes : 0));
  queue_.post(at, *this, what(kDownRequest, port.index), handle_of(onward));
  if (kind == sim::TlpKind::memory && write) {  // posted: the core goes on
    Mmio& mmio = mmio_[slot];
    mmio.from_core = nullptr;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = queue_.delay();
    mmio_in[mmio.core]->nb_transport_bw(payload, phase, delay);
  }
}

tlm::tlm_sync_enum RootComplex::device_answered(int index, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_RESP) return tlm::TLM_ACCEPTED;
  Port& port = *ports_[static_cast<unsigned>(index)];
  const std::uint64_t tag = sim::TransactionPool::extension_of_ours(payload).tag;
  if (tag == kMessageTag) {
    payload.release();
    return tlm::TLM_COMPLETED;
  }
  const auto slot = static_cast<std::uint32_t>(tag);
  if (mmio_[slot].from_core == nullptr) {  // a posted write: there is no completion
    payload.release();
    idle_mmio_.push_back(slot);
    return tlm::TLM_COMPLETED;
  }
  const unsigned bytes = payload.is_read() && payload.is_response_ok() ? payload.get_data_length() : 0;
  send_up(port, handle_of(slot), kCompletionOverheadBytes + bytes, Flow::completion);
  return tlm::TLM_COMPLETED;
}

tlm::tlm_sync_enum RootComplex::chipset_answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_RESP) return tlm::TLM_ACCEPTED;
  finish(static_cast<std::uint32_t>(sim::TransactionPool::extension_of_ours(payload).tag), payload.get_response_status());
  return tlm::TLM_COMPLETED;
}

void RootComplex::finish(std::uint32_t slot, tlm::tlm_response_status status) {
  const Mmio mmio = mmio_[slot];
  tlm::tlm_generic_payload& payload = *mmio.from_core;
  if (mmio.onward) {
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), mmio.onward->get_data_ptr(), payload.get_data_length());
    mmio.onward->release();
  }
  idle_mmio_.push_back(slot);
  payload.set_response_status(status);
  tlm::tlm_phase phase = tlm::BEGIN_RESP;
  sc_core::sc_time delay = queue_.delay();
  mmio_in[mmio.core]->nb_transport_bw(payload, phase, delay);
}

void RootComplex::finish_absent(std::uint32_t slot, tlm::tlm_response_status status) {
  tlm::tlm_generic_payload& payload = *mmio_[slot].from_core;
  if (mmio_[slot].onward) {
    mmio_[slot].onward->release();
    mmio_[slot].onward = nullptr;
  }
  if (payload.is_read()) std::memset(payload.get_data_ptr(), 0xff, payload.get_data_length());
  finish(slot, status);
}

RootComplex::Port* RootComplex::port_of_bus(unsigned bus) {
  for (auto& port : ports_) {
    const ConfigSpace& config = port->function.config;
    if (down[port->index].size() == 0) continue;  // an empty slot
    if (config.secondary_bus() != 0 && bus >= config.secondary_bus() && bus <= config.subordinate_bus()) return port.get();
  }
  return nullptr;
}

RootComplex::Port* RootComplex::port_of_address(std::uint64_t address) {
  for (auto& port : ports_)
    if ((port->memory.contains(address) || port->prefetchable.contains(address)) && down[port->index].size() != 0)
      return port.get();
  return nullptr;
}

}  // namespace iovirt::pcie
