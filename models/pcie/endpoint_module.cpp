// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/endpoint_module.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "models/pcie/link_timing.h"

namespace iovirt::pcie {
namespace {

enum What : std::uint32_t { kServe, kRefused };

constexpr std::uint64_t kMessageTag = ~0ull;  // an MSI-X message belongs to no transfer
constexpr unsigned kNone = ~0u;

[[gnu::noinline]] void set_addressing(sim::RequesterExtension& ext, const Addressing& addressing) {
  ext.address_type = addressing.type;
  ext.pasid = addressing.pasid;
  ext.execute = addressing.execute;
  ext.privileged = addressing.privileged;
  ext.no_write = addressing.no_write;
}

tlm::tlm_generic_payload& payload_of(std::uint64_t arg) {
  return *reinterpret_cast<tlm::tlm_generic_payload*>(static_cast<std::uintptr_t>(arg));
}

}  // namespace

Endpoint::Endpoint(sc_core::sc_module_name name, const Settings& settings, sim::EventQueue& queue, sim::TransactionPool& pool)
    : sc_module(name), tlp_out("tlp_out"), tlp_in("tlp_in"), settings_(settings), queue_(queue), pool_(pool) {
  tlp_out.register_nb_transport_bw(this, &Endpoint::completed);
  tlp_in.register_nb_transport_fw(this, &Endpoint::from_root);
}

Function& Endpoint::add_function(const Identity& identity) {
  const auto header = functions_.empty() ? ConfigSpace::Header::type0 : ConfigSpace::Header::virtual_function;
  functions_.push_back(std::make_unique<Function>(identity, header));
  pending_notices_.emplace_back();
  return *functions_.back();
}

Bdf Endpoint::bdf(unsigned index) const {
  const auto pf = static_cast<Bdf>(bus_ << 8);
  if (index == 0) return pf;
  const Sriov* sriov = functions_[0]->sriov();
  return sriov ? sriov->vf_bdf(pf, index) : pf;
}

bool Endpoint::present(unsigned index) const { return index == 0 || (index <= vfs_ && index < functions_.size()); }

void Endpoint::dma_read_done(std::uint64_t, std::span<const std::uint8_t>, bool, PacketId) {}
void Endpoint::dma_write_done(std::uint64_t, bool) {}
void Endpoint::translation_done(std::uint64_t, tlm::tlm_response_status, std::uint64_t) {}
bool Endpoint::message_received(unsigned, sim::TlpKind, std::uint8_t, std::uint32_t, std::uint64_t) { return false; }
void Endpoint::vfs_changed(unsigned) {}
void Endpoint::function_reset(unsigned) {}

void Endpoint::event(std::uint32_t what, std::uint64_t arg) {
  if (what == kServe) {
    tlm::tlm_generic_payload& payload = payload_of(arg);
    const sim::TlpKind kind = sim::TransactionPool::extension(payload).kind;
    if (kind == sim::TlpKind::memory)
      serve_memory(payload);
    else if (kind == sim::TlpKind::config)
      serve_config(payload);
    else
      serve_message(payload);
    return;
  }
  const auto slot = static_cast<std::uint32_t>(arg);
  if (!transfers_[slot].read)
    finish_write(slot);
  else if (transfers_[slot].addressing.type == sim::AddressType::translation_request)
    finish_translation(slot, tlm::TLM_COMMAND_ERROR_RESPONSE, nullptr);
  else
    finish_read(slot, {transfers_[slot].data.data(), transfers_[slot].bytes});
}

// -- requests to the device -----------------------------------------------------------------------------------------

tlm::tlm_sync_enum Endpoint::from_root(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_REQ) return tlm::TLM_COMPLETED;
  queue_.post(queue_.now() + settings_.register_latency, clock_, kServe, reinterpret_cast<std::uintptr_t>(&payload));
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

void Endpoint::answer(tlm::tlm_generic_payload& payload, bool ok) {
  payload.set_response_status(ok ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  if (!ok) {
    ++counters_.unsupported;
    if (Express* express = functions_[0]->express()) express->report_unsupported_request();
    if (Aer* aer = functions_[0]->aer()) aer->report(spec::kAerUnsupportedRequest);
  }
  tlm::tlm_phase phase = tlm::BEGIN_RESP;
  sc_core::sc_time delay = queue_.delay();
  tlp_in->nb_transport_bw(payload, phase, delay);
}

unsigned Endpoint::function_of(Bdf id, bool write) {
  if (const Sriov* sriov = functions_[0]->sriov()) {
    const unsigned vf = sriov->vf_of(static_cast<Bdf>(bus_ << 8), id);
    if (vf != 0) return vf < functions_.size() ? vf : kNone;
  }
  if ((id & 0xff) != 0) return kNone;
  if (write) bus_ = static_cast<std::uint8_t>(id >> 8);  // 2.2.6.2: captured from every configuration write
  return 0;
}

void Endpoint::serve_config(tlm::tlm_generic_payload& payload) {
  const std::uint64_t address = payload.get_address();
  const auto offset = static_cast<std::uint16_t>(address & 0xfff);
  const unsigned bytes = std::min(payload.get_data_length(), 8u);
  const unsigned index = function_of(static_cast<Bdf>(address >> 12), payload.is_write());
  if (index == kNone) {
    answer(payload, false);
    return;
  }
  ConfigSpace& config = functions_[index]->config;
  std::uint64_t value = 0;
  if (payload.is_write()) {
    std::memcpy(&value, payload.get_data_ptr(), bytes);
    config.write(offset, bytes, value);
    config_written(index);
  } else {
    value = config.read(offset, bytes);
    std::memcpy(payload.get_data_ptr(), &value, bytes);
  }
  answer(payload, true);
}

/// To a function that does not exist, or that makes nothing of it: an Unsupported Request.
void Endpoint::serve_message(tlm::tlm_generic_payload& payload) {
  const auto& ext = sim::TransactionPool::extension(payload);
  const unsigned index = function_of(static_cast<Bdf>(payload.get_address() >> 12), false);
  std::uint64_t body = 0;
  std::memcpy(&body, payload.get_data_ptr(), sizeof body);
  answer(payload, index != kNone && message_received(index, ext.kind, payload.get_address() & 0x1f, ext.pasid, body));
}

void Endpoint::config_written(unsigned index) {
  decoding_stale_ = true;
  if (flr_ != kNoFunction) {
    const unsigned function = flr_;
    flr_ = kNoFunction;
    reset_function(function);
  }
  const Sriov* sriov = functions_[0]->sriov();
  const unsigned count = sriov ? std::min(sriov->vfs(), functions() - 1) : 0;
  if (count != vfs_) {
    for (unsigned i = std::min(count, vfs_) + 1; i <= std::max(count, vfs_); ++i) functions_[i]->reset();
    vfs_ = count;
    vfs_changed(count);
  }
  release_pending(index);
}

void Endpoint::reset_function(unsigned index) {
  functions_[index]->reset();
  decoding_stale_ = true;
  function_reset(index);
}

void Endpoint::end_of_elaboration() {
  for (unsigned i = 0; i < functions(); ++i)
    if (Express* express = functions_[i]->express(); express && express->has_flr())
      express->on_flr([this, i] { flr_ = i; });
  for (unsigned i = 0; i < functions(); ++i)
    if (const Msix* msix = functions_[i]->msix()) pending_notices_[i].assign(msix->spec().vectors, 0);
}

void Endpoint::rebuild_decoding() {
  decoding_stale_ = false;
  ranges_.clear();
  const Function& pf = *functions_[0];
  for (unsigned bar = 0; bar < 6; ++bar)
    if (const auto base = pf.config.bar(bar)) ranges_.push_back({*base, *base + (pf.config.bar_size(bar) - 1), pf.config.bar_size(bar), bar, false});
  const Sriov* sriov = pf.sriov();
  if (!sriov || vfs_ == 0) return;
  for (unsigned bar = 0; bar < 6; ++bar)
    if (const auto base = sriov->vf_bar(bar)) {
      const std::uint64_t size = sriov->spec().bars[bar].size;
      ranges_.push_back({*base, *base + (size * vfs_ - 1), size, bar, true});
    }
}

const Endpoint::Range* Endpoint::decode(std::uint64_t address, unsigned bytes, unsigned& index, std::uint64_t& offset) {
  if (decoding_stale_) rebuild_decoding();
  for (const Range& range : ranges_) {
    if (address < range.base || address > range.limit) continue;
    offset = (address - range.base) & (range.size - 1);
    if (offset + bytes > range.size) return nullptr;
    index = range.virtual_functions ? 1 + static_cast<unsigned>((address - range.base) / range.size) : 0;
    return &range;
  }
  return nullptr;
}

void Endpoint::serve_memory(tlm::tlm_generic_payload& payload) {
  const unsigned bytes = payload.get_data_length();
  unsigned index = 0;
  std::uint64_t offset = 0;
  const Range* range = decode(payload.get_address(), bytes, index, offset);
  if (!range) {
    answer(payload, false);
    return;
  }
  const unsigned bar = range->bar;  // a register may move the BARs' owner on: `range` is not used below
  unsigned char* data = payload.get_data_ptr();
  for (unsigned done = 0; done < bytes;) {
    unsigned piece = std::min(bytes - done, 8u);
    while (piece & (piece - 1)) piece &= piece - 1;
    std::uint64_t value = 0;
    if (payload.is_write()) {
      std::memcpy(&value, data + done, piece);
      bar_write(index, bar, offset + done, piece, value);
    } else {
      value = bar_read(index, bar, offset + done, piece);
      std::memcpy(data + done, &value, piece);
    }
    done += piece;
  }
  answer(payload, true);
}

std::uint64_t Endpoint::bar_read(unsigned index, unsigned bar, std::uint64_t offset, unsigned bytes) {
  const Msix* msix = functions_[index]->msix();
  if (msix && msix->covers(bar, offset)) return msix->read(bar, offset, bytes);
  return read_bar(index, bar, offset, bytes);
}

void Endpoint::bar_write(unsigned index, unsigned bar, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  Msix* msix = functions_[index]->msix();
  if (!msix || !msix->covers(bar, offset)) {
    write_bar(index, bar, offset, bytes, value);
    return;
  }
  msix->write(bar, offset, bytes, value);
  release_pending(index);
}

// -- interrupts -----------------------------------------------------------------------------------------------------

bool Endpoint::may_master(unsigned index) {
  if (present(index) && functions_[index]->config.bus_master()) return true;
  ++counters_.not_master;
  return false;
}

void Endpoint::send_msix(unsigned index, unsigned vector, NoticeId notice) {
  Msix* msix = functions_[index]->msix();
  if (!msix || !present(index)) return;
  if (const auto message = msix->raise(vector))
    send_message(index, *message, notice);
  else if (msix->pending(vector))
    pending_notices_[index][vector] = notice;
}

void Endpoint::release_pending(unsigned index) {
  Msix* msix = functions_[index]->msix();
  if (!msix) return;
  while (const auto released = msix->take_released()) {
    send_message(index, released->message, pending_notices_[index][released->vector]);
    pending_notices_[index][released->vector] = 0;
  }
}

void Endpoint::send_message(unsigned index, const Msix::Message& message, NoticeId notice) {
  if (!may_master(index)) return;
  ++counters_.interrupts;
  if (ledger_) ledger_->notice_fired(notice, now());
  auto& payload = pool_.acquire(tlm::TLM_WRITE_COMMAND, message.address, 4);
  std::memcpy(payload.get_data_ptr(), &message.data, 4);
  auto& ext = sim::TransactionPool::extension_of_ours(payload);
  ext.tag = kMessageTag;
  ext.ledger = ledger_;
  ext.notice = notice;
  send(payload, ext, index);
}

// -- DMA ------------------------------------------------------------------------------------------------------------

void Endpoint::send(tlm::tlm_generic_payload& payload, sim::RequesterExtension& ext, unsigned index) {
  ext.requester = bdf(index);
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_core::sc_time delay = queue_.delay();
  tlp_out->nb_transport_fw(payload, phase, delay);
}

bool Endpoint::may_address(unsigned index, const Addressing& addressing) {
  const Ats* ats = functions_[index]->ats();
  const Pasid* pasid = functions_[0]->pasid();  // VFs have their PF's
  const bool services = addressing.type == sim::AddressType::untranslated || (ats && ats->enabled());
  const bool space = addressing.pasid == sim::kNoPasid || (pasid && pasid->allows(addressing.pasid, addressing.execute, addressing.privileged));
  if (services && space) return true;
  ++counters_.not_allowed;
  return false;
}

void Endpoint::send_message(unsigned index, sim::TlpKind kind, std::uint64_t body, const Addressing& addressing) {
  auto& payload = pool_.acquire(tlm::TLM_WRITE_COMMAND, 0, sizeof body);
  std::memcpy(payload.get_data_ptr(), &body, sizeof body);
  auto& ext = sim::TransactionPool::extension_of_ours(payload);
  set_addressing(ext, addressing);
  ext.kind = kind;
  ext.tag = kMessageTag;
  send(payload, ext, index);
}

std::uint32_t Endpoint::take_transfer(unsigned index, std::uint64_t address, std::uint32_t bytes, std::uint64_t tag,
                                      PacketSpan packet, bool read) {
  if (idle_transfers_.empty()) {
    idle_transfers_.push_back(static_cast<std::uint32_t>(transfers_.size()));
    transfers_.emplace_back();
  }
  const std::uint32_t slot = idle_transfers_.back();
  idle_transfers_.pop_back();
  Transfer& t = transfers_[slot];
  t.address = address;
  t.tag = tag;
  t.bytes = bytes;
  t.issued = t.done = 0;
  t.function = index;
  t.packet = packet;
  t.read = read;
  t.ok = true;
  ++in_flight_;
  return slot;
}

void Endpoint::dma_read(unsigned index, std::uint64_t address, std::uint32_t bytes, std::uint64_t tag, PacketSpan packet,
                        const Addressing& addressing) {
  const std::uint32_t slot = take_transfer(index, address, bytes, tag, packet, true);
  transfers_[slot].addressing = addressing;
  if (bytes == 0 || !may_master(index) || (!addressing.plain() && !may_address(index, addressing))) {
    transfers_[slot].ok = bytes == 0;
    transfers_[slot].data.assign(bytes, 0);
    queue_.post(now(), clock_, kRefused, slot);
    return;
  }
  waiting_reads_.push(slot);
  issue_reads();
}

// No limit is below 128 bytes (7.5.3.4): for less there is no need to look.

unsigned Endpoint::read_limit(std::uint32_t bytes) const {
  if (bytes <= 128) return 128;
  const Express* express = functions_[0]->express();
  return express ? express->mrrs() : 512;
}

unsigned Endpoint::write_limit(std::uint32_t bytes) const {
  if (bytes <= 128) return 128;
  const Express* express = functions_[0]->express();
  return express ? express->mps() : 128;
}

void Endpoint::issue_reads() {
  while (!waiting_reads_.empty() && tags_in_use_ < settings_.read_tags) {
    const std::uint32_t slot = waiting_reads_.front();
    Transfer& t = transfers_[slot];
    const unsigned piece = next_piece(t.address + t.issued, t.bytes - t.issued, read_limit(t.bytes));
    auto& payload = pool_.acquire(tlm::TLM_READ_COMMAND, t.address + t.issued, piece);
    auto& ext = sim::TransactionPool::extension_of_ours(payload);
    ext.tag = slot | static_cast<std::uint64_t>(t.issued) << 32;
    ext.ledger = ledger_;
    ext.packet = t.packet.packet;
    // The packet's clock follows the request that learns which packet it is; the others' extra time is the link's.
    ext.first = t.packet.first && t.issued == 0;
    ext.last = ext.first || (t.packet.last && t.packet.packet != 0 && t.issued + piece == t.bytes);
    if (ext.first || ext.last) ext.mark(Stage::nic, now());
    if (!t.addressing.plain()) set_addressing(ext, t.addressing);
    const unsigned function = t.function;
    t.issued += piece;
    if (t.issued == t.bytes) waiting_reads_.pop();
    ++tags_in_use_;
    ++counters_.reads;
    send(payload, ext, function);
  }
}

void Endpoint::dma_write(unsigned index, std::uint64_t address, std::span<const std::uint8_t> bytes, std::uint64_t tag,
                         PacketSpan packet, const Addressing& addressing) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const std::uint32_t slot = take_transfer(index, address, size, tag, packet, false);
  if (size == 0 || !may_master(index) || (!addressing.plain() && !may_address(index, addressing))) {
    transfers_[slot].ok = size == 0;
    queue_.post(now(), clock_, kRefused, slot);
    return;
  }
  const unsigned mps = write_limit(size);
  for (std::uint32_t sent = 0; sent < size;) {
    const unsigned piece = next_piece(address + sent, size - sent, mps);
    auto& payload = pool_.acquire(tlm::TLM_WRITE_COMMAND, address + sent, piece);
    std::memcpy(payload.get_data_ptr(), bytes.data() + sent, piece);
    auto& ext = sim::TransactionPool::extension_of_ours(payload);
    ext.tag = slot | static_cast<std::uint64_t>(sent) << 32;
    ext.ledger = ledger_;
    ext.packet = packet.packet;
    if (!addressing.plain()) set_addressing(ext, addressing);
    ext.first = packet.first && sent == 0;
    sent += piece;
    ext.last = packet.last && sent == size;
    ext.mark(Stage::nic, now());
    ++counters_.writes;
    send(payload, ext, index);
  }
}

tlm::tlm_sync_enum Endpoint::completed(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_RESP) return tlm::TLM_ACCEPTED;
  const auto& ext = sim::TransactionPool::extension_of_ours(payload);
  if (ext.tag == kMessageTag) {
    payload.release();
    return tlm::TLM_COMPLETED;
  }
  const auto slot = static_cast<std::uint32_t>(ext.tag);
  const auto offset = static_cast<std::uint32_t>(ext.tag >> 32);
  const unsigned bytes = payload.get_data_length();
  Transfer& t = transfers_[slot];
  const bool ok = payload.is_response_ok();
  t.ok = t.ok && ok;
  t.done += bytes;
  if (!t.read) {
    payload.release();
    if (t.done == t.bytes) finish_write(slot);
    return tlm::TLM_COMPLETED;
  }
  --tags_in_use_;
  if (ext.address_type == sim::AddressType::translation_request) {
    finish_translation(slot, payload.get_response_status(), payload.get_data_ptr());
    payload.release();
    if (!waiting_reads_.empty()) issue_reads();
    return tlm::TLM_COMPLETED;
  }
  if (t.packet.packet == 0 && ext.packet != 0) t.packet.packet = ext.packet;
  if (bytes == t.bytes && ok) {  // one request was enough: no copy
    finish_read(slot, {payload.get_data_ptr(), bytes});
    payload.release();
  } else {
    if (t.data.size() < t.bytes) t.data.resize(t.bytes);
    if (ok)
      std::memcpy(t.data.data() + offset, payload.get_data_ptr(), bytes);
    else
      std::memset(t.data.data() + offset, 0, bytes);
    payload.release();
    if (t.done == t.bytes) finish_read(slot, {t.data.data(), t.bytes});
  }
  if (!waiting_reads_.empty()) issue_reads();
  return tlm::TLM_COMPLETED;
}

void Endpoint::finish_read(std::uint32_t slot, std::span<const std::uint8_t> bytes) {
  const Transfer& t = transfers_[slot];
  const PacketId packet = t.packet.packet;
  if (ledger_ && t.ok && (t.packet.first || t.packet.last)) ledger_->charge(packet, Stage::pcie, now());
  --in_flight_;
  dma_read_done(t.tag, bytes, t.ok, packet);  // may start transfers: `t` may have moved, the bytes have not
  idle_transfers_.push_back(slot);
}

void Endpoint::finish_translation(std::uint32_t slot, tlm::tlm_response_status status, const unsigned char* entry) {
  const std::uint64_t tag = transfers_[slot].tag;
  std::uint64_t word = 0;
  if (status == tlm::TLM_OK_RESPONSE) std::memcpy(&word, entry, sizeof word);
  idle_transfers_.push_back(slot);
  --in_flight_;
  translation_done(tag, status, word);
}

void Endpoint::finish_write(std::uint32_t slot) {
  const std::uint64_t tag = transfers_[slot].tag;
  const bool ok = transfers_[slot].ok;
  idle_transfers_.push_back(slot);
  --in_flight_;
  dma_write_done(tag, ok);
}

}  // namespace iovirt::pcie
