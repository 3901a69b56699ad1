// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/core_module.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "models/cpu/bitmaps.h"
#include "models/cpu/vm_entry_checks.h"

namespace iovirt::cpu {

Core::Core(sc_core::sc_module_name name, unsigned index, const Config& config, CoreGroup& group)
    : sc_module(name),
      mmio_out("mmio_out"),
      index_(index),
      config_(config),
      group_(group),
      queue_(group.queue_),
      memory_(group.memory_),
      quantum_(config.quantum_ns * kPsPerNs),
      cached_access_(cycles_to_ps(config.cached_access_cycles, config.frequency_mhz)),
      virtual_apic_(no_page_),
      apic_({.id = index, .tsc_mhz = config.frequency_mhz, .timer_tick = config.apic_timer_tick_ns * kPsPerNs, .bootstrap = index == 0,
             .x2apic = config.x2apic, .tsc_deadline = config.tsc_deadline},
            apic_page_),
      tlb_(config.ept_tlb_entries, config.ept_tlb_ways),
      capabilities_(config) {
  mmio_out.register_nb_transport_bw(this, &Core::answered);
}

// -- time and interrupts ----------------------------------------------------------------------------------------------

bool Core::virtual_deliverable() const {
  return controls_.virtual_interrupt_delivery() && guest_->interrupts_enabled &&
         !controls_.on(primary::interrupt_window_exiting) && virtual_apic_.recognised();
}

bool Core::interrupt_waiting() const {
  if (!in_guest_) return host_enabled_ && apic_.deliverable() >= 0;
  return apic_.deliverable() >= 0 || preemption_deadline_ <= queue_.now() || virtual_deliverable();
}

void Core::synchronise() {
  for (;;) {
    if (pending_ != 0 && !interrupt_waiting()) {
      const Ps begin = queue_.now();
      queue_.wait(interrupt_, begin + pending_);
      group_.current_ = this;
      pending_ -= queue_.now() - begin;
      if (group_.trace_) trace_until(queue_.now());
    } else {
      queue_.catch_up();
    }
    if (!interrupt_waiting()) {
      if (pending_ == 0) return;
      continue;
    }
    // The work accounted for beyond this moment comes after the interrupt.
    std::vector<ActivityLog::Piece> rest;
    log_.take_back(queue_.now(), rest);
    pending_ = 0;
    const Activity before = activity_;
    take_interrupt();
    activity_ = before;
    for (const auto& piece : rest) {
      if (piece.mark != 0) log_.mark(piece.mark);
      log_.append(piece.activity, piece.duration);
      pending_ += piece.duration;
    }
  }
}

void Core::trace_until(Ps now) {
  if (group_.trace_->watches(index_)) group_.trace_->core_until(index_, log_, now);
}

void Core::trace_mark(TraceMark::Kind kind, unsigned number, unsigned vpid) {
  if (group_.trace_->watches(index_)) log_.mark(TraceMark::of(kind, number, vpid));
}

void Core::take_interrupt() {
  if (in_guest_)
    settle();
  else
    deliver_host(apic_.acknowledge());
}

void Core::deliver_host(std::uint8_t vector) {
  const Activity before = activity_;
  host_enabled_ = false;
  if (group_.trace_) trace_mark(TraceMark::interrupt, vector, 0);
  activity_ = Activity::interrupt;
  cycles(config_.interrupt_delivery_cycles);
  if (host_idt_ && host_idt_->gates[vector]) host_idt_->gates[vector](vector);
  activity_ = before;
  host_enabled_ = true;
}

void Core::sti() {
  if (enabled()) return;
  enabled() = true;
  if (in_guest_)
    settle();
  else if (apic_.deliverable() >= 0)
    synchronise();
}

void Core::hlt() {
  if (in_guest_) {
    const std::uint64_t before = injected_;
    sti();
    synchronise();
    if (injected_ != before) return;
    if (controls_.on(primary::hlt_exiting)) {
      exit_instruction(ExitReason::hlt, 0, {});
      return;
    }
    // HLT without exiting: the core itself sleeps in guest mode until something must be taken.
    activity_ = Activity::idle;
    while (!interrupt_waiting()) {
      const Ps begin = queue_.now();
      queue_.wait(interrupt_);
      group_.current_ = this;
      log_.append(Activity::idle, queue_.now() - begin);
    }
    activity_ = Activity::guest;
    settle();
    return;
  }
  const bool was_waiting = apic_.deliverable() >= 0;
  host_enabled_ = true;
  synchronise();  // takes what is there
  if (was_waiting) return;
  log_.set_current(Activity::idle);
  while (apic_.deliverable() < 0) {
    const Ps begin = queue_.now();
    queue_.wait(interrupt_);
    group_.current_ = this;
    log_.append(Activity::idle, queue_.now() - begin);
  }
  const Activity before = activity_;
  activity_ = Activity::sched;
  host_enabled_ = false;
  spend(config_.hlt_wake_ns * kPsPerNs);
  activity_ = before;
  host_enabled_ = true;
  synchronise();
}

void Core::pause() {
  if (in_guest_ && controls_.on(primary::pause_exiting)) {
    exit_instruction(ExitReason::pause_instruction, 0, {});
    return;
  }
  cycles(config_.pause_cycles);
}

// -- memory -------------------------------------------------------------------------------------------------------------

inline std::uint64_t Core::translate(std::uint64_t guest_physical, EptAccess access, unsigned bytes, std::uint64_t value) {
  const EptContext context = ept_context(controls_.ept_pointer, controls_.vpid);
  if (const EptTlb::Entry* entry = tlb_.lookup(context, guest_physical, access)) return entry->translate(guest_physical);
  return walk(guest_physical, access, bytes, value);
}

std::uint64_t Core::walk(std::uint64_t guest_physical, EptAccess access, unsigned bytes, std::uint64_t value) {
  for (;;) {
    const EptContext context = ept_context(controls_.ept_pointer, controls_.vpid);
    const EptResult result = ept_walk(group_.walk_port(), controls_.ept_pointer, guest_physical, access,
                                      {.physical_bits = capabilities_.physical_bits});
    VmExit exit{.reason = ExitReason::ept_misconfig, .guest_physical = guest_physical};
    std::uint64_t reads;
    if (const auto* done = std::get_if<EptTranslation>(&result)) {
      tlb_.insert(context, guest_physical, *done);
      const std::uint64_t address = done->host_physical;
      cycles((done->memory_reads + std::uint64_t{done->memory_writes}) * config_.ept_walk_access_cycles);
      return address;
    } else if (const auto* violation = std::get_if<EptViolation>(&result)) {
      exit.reason = ExitReason::ept_violation;
      exit.qualification = violation->qualification;
      reads = violation->memory_reads;
    } else {
      reads = std::get<EptMisconfig>(result).memory_reads;
    }
    cycles(reads * config_.ept_walk_access_cycles);
    guest_->operand = {.write = access == EptAccess::write, .bytes = bytes, .value = value, .cpuid = {}};
    operand_ = vm_exit(exit);
    if (operand_.done) return kEmulated;
    // The VMM has mapped it: once more, as the guest's instruction would.
    if (const EptTlb::Entry* entry = tlb_.lookup(ept_context(controls_.ept_pointer, controls_.vpid), guest_physical, access))
      return entry->translate(guest_physical);
  }
}

std::uint64_t Core::load(std::uint64_t address, unsigned bytes) {
  if (in_guest_) {
    address = translate(address, EptAccess::read, bytes, 0);
    if (address == kEmulated) return operand_.value;
  }
  if (address + bytes > memory_.ram_bytes()) return mmio(false, address, bytes, 0);
  spend(cached_access_ + memory_.access(index_, address, bytes, false));
  std::uint64_t value = 0;
  std::memcpy(&value, memory_.ram() + address, bytes);
  return value;
}

void Core::store(std::uint64_t address, unsigned bytes, std::uint64_t value) {
  if (in_guest_) {
    address = translate(address, EptAccess::write, bytes, value);
    if (address == kEmulated) return;
  }
  if (address + bytes > memory_.ram_bytes()) {
    mmio(true, address, bytes, value);
    return;
  }
  std::memcpy(memory_.ram() + address, &value, bytes);
  spend(cached_access_ + memory_.access(index_, address, bytes, true));
}

/// Page by page through EPT in a guest; RAM only. What the VMM emulated moves nothing.
template <class Move>
void Core::block(std::uint64_t address, std::size_t bytes, bool write, Move&& move) {
  const Activity before = activity_;
  activity_ = in_guest_ ? Activity::guest_copy : Activity::host_copy;
  for (std::size_t done = 0; done < bytes;) {
    std::size_t part = bytes - done;
    std::uint64_t at = address + done;
    if (in_guest_) {
      part = std::min<std::size_t>(part, 4096 - (at & 4095));
      at = translate(at, write ? EptAccess::write : EptAccess::read, static_cast<unsigned>(part), 0);
      if (at == kEmulated) break;
    }
    if (at + part > memory_.ram_bytes()) throw std::logic_error("block access outside RAM by software of core " + std::to_string(index_));
    __builtin_prefetch(memory_.ram() + at);  // while the simulated cache is looked at
    spend(memory_.access(index_, at, part, write));
    move(memory_.ram() + at, done, part);
    done += part;
  }
  activity_ = before;
}

void Core::read(std::uint64_t address, std::span<std::uint8_t> bytes) {
  block(address, bytes.size(), false,
        [&](const std::uint8_t* ram, std::size_t offset, std::size_t part) { std::memcpy(bytes.data() + offset, ram, part); });
}

void Core::write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  block(address, bytes.size(), true,
        [&](std::uint8_t* ram, std::size_t offset, std::size_t part) { std::memcpy(ram, bytes.data() + offset, part); });
}

void Core::copy(std::uint64_t to, std::uint64_t from, std::size_t bytes) {
  std::array<std::uint8_t, 4096> line;
  for (std::size_t done = 0; done < bytes; done += line.size()) {
    const std::span<std::uint8_t> part(line.data(), std::min(line.size(), bytes - done));
    read(from + done, part);
    write(to + done, part);
  }
  copied_bytes_ += bytes;
  if (const PacketId packet = packet_at(from)) place_packet(to, packet);
}

std::uint64_t Core::mmio(bool write, std::uint64_t address, unsigned bytes, std::uint64_t value) {
  cycles(config_.mmio_issue_cycles);
  synchronise();
  tlm::tlm_generic_payload& payload =
      group_.pool_.acquire(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, address, bytes);
  if (write) std::memcpy(payload.get_data_ptr(), &value, bytes);
  if (!write) {
    mmio_read_ = &payload;
    mmio_done_ = false;
  }
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_core::sc_time delay = queue_.delay();
  mmio_out->nb_transport_fw(payload, phase, delay);
  if (write) return 0;
  const Ps begin = queue_.now();
  log_.set_current(activity_);
  while (!mmio_done_) queue_.wait(mmio_event_);
  group_.current_ = this;
  log_.append(activity_, queue_.now() - begin);
  std::uint64_t result = 0;
  std::memcpy(&result, payload.get_data_ptr(), bytes);
  mmio_read_ = nullptr;
  payload.release();
  return result;
}

tlm::tlm_sync_enum Core::answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase == tlm::END_REQ) return tlm::TLM_ACCEPTED;
  if (&payload == mmio_read_) {
    mmio_done_ = true;
    queue_.notify(mmio_event_);
  } else {
    payload.release();
  }
  phase = tlm::END_RESP;
  return tlm::TLM_COMPLETED;
}

std::uint64_t Core::peek(std::uint64_t address) const {
  if (!in_guest_) return address;
  return address < guest_->ram_bytes ? guest_->ram_base + address : kEmulated;
}

PacketId Core::packet_at(std::uint64_t address) { return group_.ledger_.at(peek(address)); }
void Core::place_packet(std::uint64_t address, PacketId packet) { group_.ledger_.place(peek(address), packet); }
void Core::charge(PacketId packet) { group_.ledger_.charge_core(packet, log_, now()); }

// -- MSRs, ports, CPUID ---------------------------------------------------------------------------------------------------

std::uint32_t Core::in(std::uint16_t port, unsigned bytes) {
  std::uint64_t value = ~0ull;  // no legacy device decodes ports
  if (in_guest_ && io_exits(controls_, group_.walk_port(), port, bytes))
    value = exit_instruction(ExitReason::io_instruction, io_qualification::of(port, bytes, true), {.bytes = bytes, .cpuid = {}}).value;
  else
    cycles(config_.io_port_cycles);
  return static_cast<std::uint32_t>(value & ~0ull >> (64 - bytes * 8));  // AL, AX or EAX
}

void Core::out(std::uint16_t port, unsigned bytes, std::uint32_t value) {
  if (in_guest_ && io_exits(controls_, group_.walk_port(), port, bytes)) {
    exit_instruction(ExitReason::io_instruction, io_qualification::of(port, bytes, false),
                     {.write = true, .bytes = bytes, .value = value, .cpuid = {}});
    return;
  }
  cycles(config_.io_port_cycles);
}

std::uint64_t Core::rdmsr(std::uint32_t index) {
  if (in_guest_) {
    if (msr_exits(controls_, group_.walk_port(), index, false))
      return exit_instruction(ExitReason::msr_read, 0, {.bytes = 8, .argument = index, .cpuid = {}}).value;
    cycles(LocalApic::owns_msr(index) ? config_.apic_msr_cycles : config_.msr_read_cycles);
    if (virtualize_rdmsr(index, controls_) == RdmsrVirtual::page) return x2apic_page_value(virtual_apic_.page(), index);
    return 0;
  }
  cycles(LocalApic::owns_msr(index) ? config_.apic_msr_cycles : config_.msr_read_cycles);
  if (const auto value = apic_.read_msr(index, now())) return *value;
  return capabilities_.read_msr(index).value_or(0);
}

void Core::wrmsr(std::uint32_t index, std::uint64_t value) {
  if (in_guest_) {
    if (msr_exits(controls_, group_.walk_port(), index, true)) {
      exit_instruction(ExitReason::msr_write, 0, {.write = true, .bytes = 8, .value = value, .argument = index, .cpuid = {}});
      return;
    }
    cycles(config_.apic_msr_cycles);
    switch (virtualize_wrmsr(index, value, controls_)) {
      case WrmsrVirtual::eoi: {
        const VirtualApic::Eoi ended = virtual_apic_.eoi(controls_);
        if (ended.exits) vm_exit({.reason = ExitReason::eoi_induced, .qualification = ended.vector});
        break;
      }
      case WrmsrVirtual::tpr:
        if (virtual_apic_.write_tpr(static_cast<std::uint8_t>(value), controls_))
          vm_exit({.reason = ExitReason::tpr_below_threshold});
        break;
      case WrmsrVirtual::self_ipi:
        virtual_apic_.self_ipi(static_cast<std::uint8_t>(value));
        break;
      case WrmsrVirtual::apic_write:
        virtual_apic_.page().set(apic_msr::offset(index), static_cast<std::uint32_t>(value));
        vm_exit({.reason = ExitReason::apic_write, .qualification = apic_msr::offset(index)});
        break;
      case WrmsrVirtual::physical:
      case WrmsrVirtual::general_protection:
        break;  // a guest that does this is not modelled further: the write has no effect
    }
    settle();
    return;
  }
  const bool apic = LocalApic::owns_msr(index);
  cycles(apic ? config_.apic_msr_cycles : config_.msr_write_cycles);
  if (!apic) return;
  if (index == apic_msr::icr || index == apic_msr::tsc_deadline) synchronise();
  apply(apic_.write_msr(index, value, now()));
}

CpuidResult Core::cpuid(std::uint32_t leaf, std::uint32_t subleaf) {
  if (in_guest_)  // always exits (SDM 3, 26.1.2)
    return exit_instruction(ExitReason::cpuid, 0, {.argument = leaf | std::uint64_t{subleaf} << 32, .cpuid = {}}).cpuid;
  cycles(config_.cpuid_cycles);
  CpuidResult result;
  if (leaf == 1) result.ecx = 1u << 5 | (config_.x2apic ? 1u << 21 : 0) | (config_.tsc_deadline ? 1u << 24 : 0);
  return result;
}

std::uint64_t Core::vmcall(std::uint64_t number, std::uint64_t argument) {
  if (!in_guest_) return ~0ull;
  return exit_instruction(ExitReason::vmcall, 0, {.value = number, .argument = argument, .cpuid = {}}).value;
}

void Core::set_tsc_deadline(Ps deadline) {
  wrmsr(apic_msr::tsc_deadline, tsc_at(deadline, config_.frequency_mhz) + 1);
}

void Core::send_ipi(unsigned core, std::uint8_t vector) {
  wrmsr(apic_msr::icr, std::uint64_t{core} << 32 | icr::assert_level::mask | vector);
}

void Core::apply(const ApicEffect& effect) {
  if (effect.timer_changed) arm_timer();
  if (effect.ipi) group_.send(*this, *effect.ipi);
}

/// A guest without a tick sets its deadline anew each time it idles: what is posted already serves a later one too.
void Core::arm_timer() {
  const Ps next = apic_.next_deadline();
  if (next == kNever) return;
  const Ps due = std::max(next, queue_.now());
  if (due >= timer_posted_) return;
  timer_posted_ = due;
  queue_.post(due, *this, kTimer, due);
}

void Core::accept(const InterruptMessage& message) {
  if (apic_.accept(message.vector, message.level)) queue_.notify(interrupt_);
}

void Core::fire(std::uint32_t what, std::uint64_t arg) {
  if (what == kTimer) {
    if (arg != timer_posted_) return;
    timer_posted_ = kNever;
    if (apic_.expire(queue_.now())) queue_.notify(interrupt_);
    arm_timer();
    return;
  }
  if (preemption_posted_ == arg) preemption_posted_ = kNever;
  if (in_guest_ && preemption_deadline_ <= queue_.now()) queue_.notify(interrupt_);
}

}  // namespace iovirt::cpu
