// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/io_apic.h"

namespace iovirt::cpu {

namespace {

constexpr std::uint32_t kSelect = 0x00, kWindow = 0x10, kEoi = 0x40;
constexpr std::uint8_t kId = 0x00, kVersion = 0x01, kArbitration = 0x02, kTable = 0x10;
constexpr std::uint32_t kVersionValue = (IoApic::kPins - 1) << 16 | 0x20;
constexpr std::uint64_t kReadOnly = rte::delivery_status::mask | rte::remote_irr::mask;

}  // namespace

IoApic::IoApic(IoApicSink& sink, std::uint8_t id) : sink_(sink), reset_id_(id) { reset(); }

void IoApic::reset() {
  id_ = reset_id_;
  select_ = 0;
  table_.fill(rte::mask::of(1));
}

std::uint32_t IoApic::read(std::uint32_t offset) const {
  if (offset == kSelect) return select_;
  if (offset == kWindow) return read_register(select_);
  return 0;
}

void IoApic::write(std::uint32_t offset, std::uint32_t value) {
  if (offset == kSelect) select_ = static_cast<std::uint8_t>(value);
  else if (offset == kWindow) write_register(select_, value);
  else if (offset == kEoi) eoi(static_cast<std::uint8_t>(value));
}

std::uint32_t IoApic::read_register(std::uint8_t index) const {
  if (index == kId || index == kArbitration) return static_cast<std::uint32_t>(id_) << 24;
  if (index == kVersion) return kVersionValue;
  const unsigned pin = (index - kTable) / 2u;
  if (index < kTable || pin >= kPins) return 0;
  return static_cast<std::uint32_t>(index & 1 ? table_[pin] >> 32 : table_[pin]);
}

void IoApic::write_register(std::uint8_t index, std::uint32_t value) {
  if (index == kId) id_ = static_cast<std::uint8_t>(value >> 24 & 0xf);
  const unsigned pin = (index - kTable) / 2u;
  if (index < kTable || pin >= kPins) return;
  std::uint64_t& entry = table_[pin];
  if (index & 1) {
    entry = (entry & 0xffff'ffffull) | static_cast<std::uint64_t>(value) << 32;
    return;
  }
  constexpr std::uint64_t low = 0x1'ffffull & ~kReadOnly;
  entry = (entry & ~low) | (value & low);
  // Remote IRR has a meaning for level-triggered pins only; software without an EOI register clears it by this.
  if (!rte::level::get(entry)) entry = rte::remote_irr::set(entry, 0);
  service(pin);
}

void IoApic::set_pin(unsigned pin, bool level) {
  if (pin >= kPins) return;
  const bool was = asserted(pin);
  pins_ = (pins_ & ~(1u << pin)) | (level ? 1u << pin : 0u);
  const std::uint64_t entry = table_[pin];
  if (rte::level::get(entry)) return service(pin);
  if (level && !was && !rte::mask::get(entry)) send(pin);
}

void IoApic::eoi(std::uint8_t vector) {
  for (unsigned pin = 0; pin < kPins; ++pin) {
    std::uint64_t& entry = table_[pin];
    if (!rte::level::get(entry) || !rte::remote_irr::get(entry) || rte::vector::get(entry) != vector) continue;
    entry = rte::remote_irr::set(entry, 0);
    service(pin);
  }
}

void IoApic::service(unsigned pin) {
  std::uint64_t& entry = table_[pin];
  if (!rte::level::get(entry) || rte::mask::get(entry) || rte::remote_irr::get(entry) || !asserted(pin)) return;
  entry = rte::remote_irr::set(entry, 1);
  send(pin);
}

void IoApic::send(unsigned pin) {
  const std::uint64_t entry = table_[pin];
  InterruptMessage message;
  message.vector = static_cast<std::uint8_t>(rte::vector::get(entry));
  message.mode = static_cast<DeliveryMode>(rte::delivery::get(entry));
  message.level = rte::level::get(entry);
  if (rte::remappable::get(entry)) {
    const std::uint64_t address = 0xfee0'0000ull | rte::index_low::get(entry) << 5 | 1u << 4 |
                                  rte::index_high::get(entry) << 2;
    return sink_.io_apic_send(pin, message, address, message.data());
  }
  message.destination = static_cast<std::uint32_t>(rte::destination::get(entry));
  message.logical = rte::logical::get(entry);
  sink_.io_apic_send(pin, message, message.address(), message.data());
}

}  // namespace iovirt::cpu
