// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/core.h"

#include "models/nic/timers.h"
#include "models/nic/token.h"

namespace iovirt::nic {

using namespace igb;

namespace {

const Config& checked(const Config& config) {
  config.validate();
  return config;
}

}  // namespace

Core::Core(Host& host, const Config& config, PacketLedger* ledger)
    : p_(host, checked(config), ledger), rx_(p_), tx_(p_, rx_), mailboxes_(p_.interrupts), board_(config.mac_bytes()), bank_("nic") {
  p_.interrupts.set_flush(*this);
  define_registers();
  define_tables();
  clear();  // the link has been up since before time began
}

// ---- rings --------------------------------------------------------------------------------------------------------------

bool Core::ring_access(std::uint32_t offset, unsigned& queue, bool& tx, std::uint32_t& reg) const {
  if (offset >= 0x2800 && offset < 0x2c00) queue = (offset - 0x2800) / 0x100, tx = false, reg = offset & 0xff;
  else if (offset >= 0x3800 && offset < 0x3c00) queue = (offset - 0x3800) / 0x100, tx = true, reg = offset & 0xff;
  else if (offset >= 0xc000 && offset < 0xc000 + 0x40 * kQueues) queue = (offset - 0xc000) / 0x40, tx = false, reg = offset & 0x3f;
  else if (offset >= 0xe000 && offset < 0xe000 + 0x40 * kQueues) queue = (offset - 0xe000) / 0x40, tx = true, reg = offset & 0x3f;
  else return false;
  return queue < p_.config.queues;
}

std::uint32_t Core::read_ring(unsigned queue, bool tx, std::uint32_t reg) {
  DescriptorRing& ring = tx ? tx_.queue(queue).ring : rx_.queue(queue).ring;
  switch (reg) {
    case RDBAL: return ring.base_low;
    case RDBAH: return ring.base_high;
    case RDLEN: return ring.length;
    case SRRCTL: return tx ? 0 : rx_.queue(queue).srrctl;
    case RDH: return ring.head();
    case RXCTL: return ring.dca;
    case RDT: return ring.tail();
    case RXDCTL: return ring.control;
    case RQDPC: return tx ? 0 : std::exchange(rx_.queue(queue).dropped, 0);
    case TDWBAL: return tx ? tx_.queue(queue).head_write_back_low : 0;
    case TDWBAH: return tx ? tx_.queue(queue).head_write_back_high : 0;
    default: return 0;
  }
}

void Core::write_ring(unsigned queue, bool tx, std::uint32_t reg, std::uint32_t value) {
  DescriptorRing& ring = tx ? tx_.queue(queue).ring : rx_.queue(queue).ring;
  const auto forget = [&] { tx ? tx_.disabled(queue) : rx_.disabled(queue); };
  switch (reg) {
    case RDBAL: ring.set_base_low(value); break;
    case RDBAH: ring.base_high = value; break;
    case RDLEN:
      forget();
      ring.set_length(value);
      break;
    case SRRCTL:
      if (!tx) rx_.queue(queue).srrctl = value;
      break;
    case RDH:
      forget();
      ring.set_head(value);
      break;
    case RXCTL: ring.dca = value; break;
    case RDT:
      ring.set_tail(value);
      if (tx) {
        tx_.kick(queue);
      } else {
        rx_.prefetch(queue);
        rx_.pump();
      }
      break;
    case RXDCTL:
      if ((value & kDctlFlush) != 0) tx ? tx_.flush(queue) : rx_.flush(queue);
      if (!ring.set_control(value)) break;
      forget();
      if (tx) {
        tx_.kick(queue);
      } else {
        rx_.prefetch(queue);
        rx_.pump();
      }
      break;
    case TDWBAL:
      if (tx) tx_.queue(queue).head_write_back_low = value;
      break;
    case TDWBAH:
      if (tx) tx_.queue(queue).head_write_back_high = value;
      break;
    default: break;
  }
}

void Core::flush_queues_of(unsigned bit) {
  for (unsigned q = 0; q < p_.config.queues; ++q) {
    if (p_.interrupts.vector_of(q, false) == bit) rx_.flush(q);
    if (p_.interrupts.vector_of(q, true) == bit) tx_.flush(q);
  }
}

// ---- the physical function --------------------------------------------------------------------------------------------

bool Core::pvt_access(std::uint32_t offset, unsigned& vf, std::uint32_t& vf_offset) const {
  if (offset < PVTCTRL0 || offset >= PVTCTRL0 + 0x100 * kVfs) return false;
  vf = (offset - PVTCTRL0) / 0x100;
  switch (offset & 0xff) {
    case PVTCTRL: vf_offset = VTCTRL; return true;
    case PVTEICS: vf_offset = VTEICS; return true;
    case PVTEIMS: vf_offset = VTEIMS; return true;
    case PVTEIMC: vf_offset = VTEIMC; return true;
    case PVTEIAC: vf_offset = VTEIAC; return true;
    case PVTEIAM: vf_offset = VTEIAM; return true;
    case PVTEICR: vf_offset = VTEICR; return true;
    case PVFGPRC: vf_offset = VFGPRC; return true;
    case PVFGPTC: vf_offset = VFGPTC; return true;
    case PVFGORC: vf_offset = VFGORC; return true;
    case PVFGOTC: vf_offset = VFGOTC; return true;
    case PVFMPRC: vf_offset = VFMPRC; return true;
    case PVFGPRLBC: vf_offset = VFGPRLBC; return true;
    case PVFGPTLBC: vf_offset = VFGPTLBC; return true;
    case PVFGORLBC: vf_offset = VFGORLBC; return true;
    case PVFGOTLBC: vf_offset = VFGOTLBC; return true;
    default: return false;
  }
}

std::uint32_t Core::read(std::uint32_t offset) {
  unsigned queue = 0, vf = 0;
  bool tx = false;
  std::uint32_t reg = 0, value = 0, index = 0;
  if (ring_access(offset, queue, tx, reg)) return read_ring(queue, tx, reg);
  if (p_.interrupts.read(offset, value)) return value;
  if (mailboxes_.read(offset, value)) return value;
  if (pvt_access(offset, vf, reg)) return vf_read(vf, reg);
  if (const Table* table = table_at(offset, index)) return table->values[index];
  if (p_.statistics.read(offset, value)) return value;
  return static_cast<std::uint32_t>(bank_.read(offset, 4));
}

void Core::write(std::uint32_t offset, std::uint32_t value) {
  unsigned queue = 0, vf = 0;
  bool tx = false;
  std::uint32_t reg = 0, index = 0;
  if (ring_access(offset, queue, tx, reg)) return write_ring(queue, tx, reg, value);
  if (p_.interrupts.write(offset, value)) return;
  if (mailboxes_.write(offset, value)) return;
  if (pvt_access(offset, vf, reg)) return vf_write(vf, reg, value);
  if (const Table* table = table_at(offset, index)) {
    table->values[index] = value & table->writable;
    p_.l2.registers_changed();
    return;
  }
  bank_.write(offset, 4, value);
}

// ---- virtual functions ------------------------------------------------------------------------------------------------

bool Core::vf_ring_access(unsigned vf, std::uint32_t offset, unsigned& queue, bool& tx, std::uint32_t& reg) const {
  if (offset >= vf_rx_ring(0) && offset < vf_rx_ring(2)) tx = false;
  else if (offset >= vf_tx_ring(0) && offset < vf_tx_ring(2)) tx = true;
  else return false;
  queue = vf + kPools * (offset >> 8 & 1);
  reg = offset & 0xff;
  return queue < p_.config.queues;
}

std::uint32_t Core::vf_read(unsigned vf, std::uint32_t offset) {
  unsigned queue = 0;
  bool tx = false;
  std::uint32_t reg = 0, value = 0;
  if (vf_ring_access(vf, offset, queue, tx, reg)) return read_ring(queue, tx, reg);
  if (p_.interrupts.vf_read(vf, offset, value)) return value;
  if (mailboxes_.vf_read(vf, offset, value)) return value;
  if (p_.statistics.read_vf(vf, offset, value)) return value;
  switch (offset) {
    case VTSTATUS: return status() & (kStatusFd | kStatusLu | static_cast<std::uint32_t>(Field<7, 6>::mask));
    case VTFRTIMER: return static_cast<std::uint32_t>(p_.host.now() / kPsPerUs);
    case VF_PSRTYPE: return vf < 4 ? psrtype_low_[vf] : psrtype_high_[vf - 4];
    default: return 0;
  }
}

void Core::vf_write(unsigned vf, std::uint32_t offset, std::uint32_t value) {
  unsigned queue = 0;
  bool tx = false;
  std::uint32_t reg = 0;
  if (vf_ring_access(vf, offset, queue, tx, reg)) return write_ring(queue, tx, reg, value);
  if (p_.interrupts.vf_write(vf, offset, value)) return;
  if (mailboxes_.vf_write(vf, offset, value)) return;
  if (offset == VTCTRL && (value & kVtctrlRst) != 0) reset_vf(vf);
  if (offset == VF_PSRTYPE) (vf < 4 ? psrtype_low_[vf] : psrtype_high_[vf - 4]) = value;
}

void Core::set_vfs(unsigned count) {
  for (unsigned vf = count; vf < p_.vfs; ++vf) reset_vf(vf);
  p_.vfs = count;
  p_.interrupts.set_vfs(count);
  filters_changed();
}

void Core::reset_vf(unsigned vf) {
  for (unsigned queue = vf; queue < p_.config.queues; queue += kPools) {
    rx_.disabled(queue);
    rx_.queue(queue).ring.reset();
    tx_.disabled(queue);
    tx_.queue(queue).ring.reset();
  }
  // 7.10.2: the PF must let it receive and transmit again.
  bank_[VFRE] &= ~(1ull << vf);
  bank_[VFTE] &= ~(1ull << vf);
  p_.filters.vfre = static_cast<std::uint32_t>(bank_[VFRE]);
  p_.filters.vfte = static_cast<std::uint32_t>(bank_[VFTE]);
  p_.interrupts.reset_vf(vf);
  mailboxes_.vf_was_reset(vf);
  rx_.pump();
}

void Core::reset_function(unsigned function) {
  if (function == 0)
    reset_device();
  else if (function - 1 < kVfs)
    reset_vf(function - 1);
}

// ---- resets, link, time -----------------------------------------------------------------------------------------------

void Core::reset_device() {
  clear();
  start_link();
}

void Core::clear() {
  rx_.reset();
  tx_.reset();
  tx_.set_enabled(false);
  tx_.set_loopback(false);
  p_.interrupts.reset();
  mailboxes_.reset();
  bank_.reset();
  FilterRegisters& f = p_.filters;
  f = FilterRegisters{};
  f.ctrl = static_cast<std::uint32_t>(bank_[CTRL]);
  f.rlpml = static_cast<std::uint32_t>(bank_[RLPML]);
  f.vmolr.fill(0x8000'2600);
  const MacAddress& mac = board_.mac();
  for (unsigned i = 0; i < 4; ++i) f.ral[0] |= static_cast<std::uint32_t>(mac[i]) << (8 * i);
  f.rah[0] = static_cast<std::uint32_t>(mac[4] | mac[5] << 8) | kRahValid;
  p_.l2.registers_changed();
  psrtype_low_.fill(0);
  psrtype_high_.fill(0);
  reta_.fill(0);
  rss_key_.fill(0);
  p_.statistics.port = {};
  p_.statistics.pool = {};
  board_.reset_semaphores();
}

void Core::start_link() {
  link_up_ = false;
  rx_.set_link(false);
  p_.host.start_timer(p_.host.now() + ns_to_ps(p_.config.link_up_ns), timers::kLinkUp, ++link_epoch_);
}

void Core::filters_changed() {
  p_.l2.registers_changed();
  rx_.pump();
}

void Core::timer(std::uint32_t what, std::uint64_t arg) {
  switch (what) {
    case timers::kModeration: p_.interrupts.timer(arg); break;
    case timers::kWireIn: rx_.wire_timer(); break;
    case timers::kRxReady: rx_.ready_timer(arg); break;
    case timers::kTxReady: tx_.ready_timer(arg); break;
    case timers::kWireOut: tx_.wire_timer(); break;
    case timers::kTxRate: tx_.rate_timer(static_cast<unsigned>(arg)); break;
    case timers::kLinkUp:
      if (arg != link_epoch_) break;
      link_up_ = true;
      rx_.set_link(true);
      p_.interrupts.other_cause(kIcrLsc);
      break;
    default: break;
  }
}

void Core::dma_read_done(std::uint64_t token, std::span<const std::uint8_t> bytes, bool ok, PacketId packet) {
  switch (token::KindField::get(token)) {
    case token::rx_fetch: rx_.fetch_done(token, bytes, ok); break;
    case token::tx_fetch: tx_.fetch_done(token, bytes, ok); break;
    case token::tx_data: tx_.data_read(token, bytes, ok, packet); break;
    default: break;
  }
}

void Core::dma_write_done(std::uint64_t token, bool ok) {
  switch (token::KindField::get(token)) {
    case token::rx_data: rx_.data_written(token, ok); break;
    case token::rx_write_back: rx_.write_back_done(token, ok); break;
    case token::tx_write_back: tx_.write_back_done(ok); break;
    default: break;
  }
}

}  // namespace iovirt::nic
