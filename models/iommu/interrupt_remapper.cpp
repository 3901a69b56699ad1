// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/interrupt_remapper.h"

#include "models/iommu/cache_tags.h"
#include "models/iommu/registers_spec.h"

namespace iovirt::iommu {

InterruptMessage encode(const Interrupt& interrupt) {
  InterruptMessage message;
  message.address = interrupt_request::kBase | interrupt_request::Destination::of(interrupt.destination & 0xff) |
                    interrupt_request::RH::of(interrupt.redirection_hint) |
                    interrupt_request::DM::of(interrupt.logical) |
                    static_cast<std::uint64_t>(interrupt.destination >> 8) << 40;
  message.data = interrupt.vector | std::uint32_t{interrupt.delivery_mode} << 8 | (interrupt.level ? 3u << 14 : 0u);
  return message;
}

InterruptMessage pass(std::uint32_t address, std::uint32_t data, std::uint32_t upper_address) {
  return {static_cast<std::uint64_t>(upper_address >> 8) << 40 | (address & 0xffff'f00c), data};
}

InterruptRemapper::InterruptRemapper(const Config& config, Statistics& statistics)
    : config_(config), statistics_(statistics), entries_(config.interrupt_entry_cache) {}

bool InterruptRemapper::extended() const { return reg::irta::EIME::get(irta_) != 0; }

InterruptRemapper::Action InterruptRemapper::block(Remapping& remapping, FaultReason reason) {
  Fault& fault = remapping.fault;
  fault = Fault{};
  fault.reason = reason;
  fault.suppressed = remapping.fault_processing_disabled && is_qualified(reason);
  fault.source = remapping.request.source;
  fault.info = std::uint64_t{remapping.index} << 48;
  return Action::block;
}

InterruptRemapper::Action InterruptRemapper::begin(Remapping& remapping, const InterruptRequest& request) {
  namespace ir = interrupt_request;
  remapping = Remapping{};
  remapping.request = request;
  ++statistics_.interrupts;
  if (!enabled_ || !ir::Format::get(request.address)) {
    // Compatibility format (5.1.4): with remapping on only if CFI allows it, and never in extended mode.
    if (enabled_ && (extended() || !compatibility_allowed_)) return block(remapping, FaultReason::compatibility_format_blocked);
    ++statistics_.compatibility;
    remapping.message = pass(request.address, request.data);
    return Action::deliver;
  }
  const std::uint32_t handle = static_cast<std::uint32_t>(ir::HandleLow::get(request.address) | ir::HandleHigh::get(request.address) << 15);
  const bool subhandle_valid = ir::SHV::get(request.address);
  remapping.index = handle;
  if (subhandle_valid && ir::ReservedData::get(request.data)) return block(remapping, FaultReason::interrupt_request_reserved);
  if (subhandle_valid) remapping.index += static_cast<std::uint32_t>(ir::Subhandle::get(request.data));
  if (remapping.index >= (2ull << reg::irta::S::get(irta_))) return block(remapping, FaultReason::interrupt_index_too_large);

  const std::uint64_t tag = context_tag(remapping.index);
  if (const Entry* entry = entries_.find(tag, remapping.index)) {
    ++statistics_.interrupt_entry_hits;
    return use(remapping, *entry);
  }
  ++statistics_.interrupt_entry_misses;
  ++statistics_.memory_reads;
  remapping.entry_address = reg::irta::Base::in_place(irta_) + std::uint64_t{remapping.index} * irte::kBytes;
  remapping.next = reading_;
  reading_ = &remapping;
  return Action::read_entry;
}

InterruptRemapper::Action InterruptRemapper::resume(Remapping& remapping, bool ok, std::uint64_t low, std::uint64_t high) {
  for (Remapping** link = &reading_; *link; link = &(*link)->next)
    if (*link == &remapping) {
      *link = remapping.next;
      break;
    }
  remapping.next = nullptr;
  if (!ok) return block(remapping, FaultReason::irte_access);
  const Action action = use(remapping, {low, high});
  // An entry that leads to a fault, whichever, is not cached (6.4).
  if (action != Action::block && remapping.cacheable)
    entries_.insert(context_tag(remapping.index), remapping.index, {low, high});
  return action;
}

bool InterruptRemapper::source_allowed(std::uint64_t high, std::uint16_t source) {
  const auto sid = static_cast<std::uint16_t>(irte::SID::get(high));
  switch (irte::SVT::get(high)) {
    case 0: return true;
    case 1: return ((source ^ sid) & irte::kSourceMask[irte::SQ::get(high)]) == 0;
    case 2: return (source >> 8) >= (sid & 0xff) && (source >> 8) <= (sid >> 8);
    default: return false;
  }
}

InterruptRemapper::Action InterruptRemapper::use(Remapping& remapping, const Entry& entry) {
  const auto [low, high] = entry;
  remapping.fault_processing_disabled = irte::FPD::get(low);
  if (!irte::P::get(low)) return block(remapping, FaultReason::irte_not_present);
  // Who may use the entry is asked before what it says (5.1.4).
  if (!source_allowed(high, remapping.request.source)) return block(remapping, FaultReason::interrupt_source_invalid);

  const bool posted = irte::IM::get(low);
  const std::uint64_t address = irte::PDAH::in_place(high) | irte::PDAL::get(low) << 6;
  bool reserved;
  if (posted)
    reserved = !config_.posted_interrupts || (low & irte::kReservedPosted) || (high & irte::kReservedHighPosted) ||
               (address >> config_.host_address_bits) != 0;
  else
    reserved = (low & (irte::kReservedRemapped | (extended() ? 0 : irte::kReservedXapic))) != 0 ||
               (high & irte::kReservedHighRemapped) != 0;
  if (reserved) return block(remapping, FaultReason::irte_reserved);

  remapping.vector = static_cast<std::uint8_t>(irte::Vector::get(low));
  if (posted) {
    ++statistics_.posted;
    remapping.descriptor = address;
    remapping.urgent = irte::URG::get(low);
    return Action::post;
  }
  ++statistics_.remapped;
  Interrupt interrupt;
  interrupt.destination = static_cast<std::uint32_t>(extended() ? irte::DST::get(low) : irte::DST_xAPIC::get(low));
  interrupt.vector = remapping.vector;
  interrupt.delivery_mode = static_cast<std::uint8_t>(irte::DLM::get(low));
  interrupt.logical = irte::DM::get(low);
  interrupt.redirection_hint = irte::RH::get(low);
  interrupt.level = irte::TM::get(low);
  remapping.message = encode(interrupt);
  return Action::deliver;
}

InterruptRemapper::Posted InterruptRemapper::post(Remapping& remapping, posted_descriptor::Words& words) {
  namespace pd = posted_descriptor;
  std::uint64_t& control = words[pd::kControl];
  const std::uint64_t reserved = pd::kReserved | (extended() ? 0 : pd::kReservedXapic);
  if ((control & reserved) || words[5] || words[6] || words[7]) {
    post_blocked(remapping, FaultReason::posted_descriptor_reserved);
    return Posted::block;
  }
  words[remapping.vector / 64] |= 1ull << (remapping.vector % 64);
  if (pd::ON::get(control) || (pd::SN::get(control) && !remapping.urgent)) return Posted::quiet;
  control = pd::ON::set(control, 1);
  Interrupt notification;
  notification.vector = static_cast<std::uint8_t>(pd::NV::get(control));
  notification.destination =
      static_cast<std::uint32_t>(extended() ? pd::NDST::get(control) : pd::NDST_xAPIC::get(control));
  remapping.message = encode(notification);
  ++statistics_.notifications;
  return Posted::notify;
}

void InterruptRemapper::post_failed(Remapping& remapping) { post_blocked(remapping, FaultReason::posted_descriptor_access); }

void InterruptRemapper::post_blocked(Remapping& remapping, FaultReason reason) {
  --statistics_.posted;
  block(remapping, reason);
  entries_.erase(context_tag(remapping.index), remapping.index);  // a faulting entry is not cached
}

Fault InterruptRemapper::malformed(std::uint16_t source) {
  Remapping remapping;
  remapping.request.source = source;
  block(remapping, FaultReason::interrupt_request_malformed);
  return remapping.fault;
}

void InterruptRemapper::invalidate(const InterruptInvalidation& invalidation) {
  if (invalidation.global)
    entries_.clear();
  else
    entries_.erase_if([&](std::uint64_t tag, const Entry&) { return invalidation.covers(static_cast<std::uint32_t>(tag >> 1)); });
  for (Remapping* r = reading_; r; r = r->next)
    if (invalidation.covers(r->index)) r->cacheable = false;
}

}  // namespace iovirt::iommu
