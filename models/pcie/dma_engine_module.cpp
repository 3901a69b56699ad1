// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/dma_engine_module.h"

#include <algorithm>

namespace iovirt::pcie {

using dma_engine::Test;

namespace {

constexpr std::uint64_t kLine = 64;
constexpr std::uint64_t kMaxTransfer = 64u << 10;  // as Endpoint::dma_read

}  // namespace

DmaEngine::DmaEngine(sc_core::sc_module_name name, const DmaEngineConfig& config, const LinkWidth& link,
                     sim::EventQueue& queue, sim::TransactionPool& pool)
    : Endpoint(name, {.read_tags = config.read_tags, .register_latency = 20 * kPsPerNs}, queue, pool),
      config_(config),
      transfer_time_(ns_to_ps(config.transfer_ns)),
      unit_time_(ns_to_ps(config.unit_ns)),
      write_interval_(ns_to_ps(config.write_interval_ns)),
      request_(ns_to_ps(config.request_ns)),
      completion_(ns_to_ps(config.completion_ns)),
      write_(ns_to_ps(config.write_ns)),
      timer_(ns_to_ps(config.timer_ns)) {
  auto& function = add_function({.vendor = dma_engine::kVendor, .device = dma_engine::kDevice, .class_code = 0x120000});
  function.config.add_bar(0, 4096, BarKind::memory32);
  function.add_express({.mps_bytes = link.mps_bytes, .generation = link.generation, .width = link.width});
}

std::uint64_t DmaEngine::read_bar(unsigned, unsigned, std::uint64_t offset, unsigned bytes) {
  if (offset % 8 != 0 || bytes != 8) return 0;
  if (offset == dma_engine::kStatus) return (busy_ ? dma_engine::kBusy : 0) | (failed_ ? dma_engine::kFailed : 0);
  if (offset == dma_engine::kElapsed) return elapsed_;
  return offset / 8 < std::size(registers_) ? registers_[offset / 8] : 0;
}

void DmaEngine::write_bar(unsigned, unsigned, std::uint64_t offset, unsigned bytes, std::uint64_t value) {
  if (offset % 8 != 0 || bytes != 8 || offset / 8 >= std::size(registers_) || busy_) return;
  registers_[offset / 8] = value;
  if (offset == dma_engine::kControl) start(value);
}

void DmaEngine::start(std::uint64_t control) {
  const auto value = [&](std::uint64_t offset) { return registers_[offset / 8]; };
  const std::uint64_t bytes = value(dma_engine::kTransferBytes), offset = value(dma_engine::kOffset);
  failed_ = (control & 0xf) > static_cast<std::uint64_t>(Test::bandwidth_both) || bytes == 0 || bytes > kMaxTransfer ||
            offset >= kMaxTransfer || offset + bytes > value(dma_engine::kWindowBytes) || value(dma_engine::kCount) == 0;
  if (failed_) return;
  test_ = static_cast<Test>(control & 0xf);
  random_ = (control & dma_engine::kRandom) != 0;
  bytes_ = static_cast<std::uint32_t>(bytes);
  place_bytes_ = (offset + bytes + kLine - 1) / kLine * kLine;
  places_ = std::max<std::uint64_t>(value(dma_engine::kWindowBytes) / place_bytes_, 1);
  place_ = 0;
  random_state_ = value(dma_engine::kSeed);
  count_ = value(dma_engine::kCount);
  issued_ = done_ = 0;
  reads_ = writes_ = 0;
  stalled_ = false;
  busy_ = true;
  started_ = now();
  next_write_ = 0;
  data_.assign(bytes_, 0x5a);
  journal_.clear();
  if (!measures_latency()) return issue();
  journal_.reserve(count_);
  command();
}

std::uint64_t DmaEngine::next_address() {
  std::uint64_t place = place_;
  if (random_) {  // splitmix64
    std::uint64_t x = random_state_ += 0x9e37'79b9'7f4a'7c15;
    x = (x ^ x >> 30) * 0xbf58'476d'1ce4'e5b9;
    x = (x ^ x >> 27) * 0x94d0'49bb'1331'11eb;
    place = (x ^ x >> 31) % places_;
  } else if (++place_ == places_) {
    place_ = 0;
  }
  return registers_[dma_engine::kWindow / 8] + place * place_bytes_ + registers_[dma_engine::kOffset / 8];
}

void DmaEngine::fire(std::uint32_t what, std::uint64_t arg) {
  switch (static_cast<What>(what)) {
    case kIssue: return issue();
    case kSend: return send(arg != 0);
    case kSeen:
      if (arg != 0) {  // the write is on its way: now the read of the same bytes
        queue().post(now() + request_, *this, kSend, 0);
        return;
      }
      journal_.push_back(ticks(now()) - ticks(command_at_));
      if (++done_ < count_) return command();
      elapsed_ = now() - started_;
      busy_ = false;
      return;
  }
}

// -- latency: one transfer at a time, as a program sees it that waits for each ------------------------------------------

void DmaEngine::command() {
  command_at_ = now();
  address_ = next_address();
  queue().post(now() + request_, *this, kSend, test_ == Test::latency_write_read);
}

void DmaEngine::send(bool write) {
  if (!write) return dma_read(0, address_, bytes_, 0);
  dma_write(0, address_, data_, 0);
  queue().post(now() + write_, *this, kSeen, 1);
}

// -- bandwidth: as many under way as the engine holds ------------------------------------------------------------------

void DmaEngine::issue() {
  const bool write = test_ == Test::bandwidth_write || (test_ == Test::bandwidth_both && issued_ % 2 == 0);
  if (write ? writes_ >= config_.write_slots : reads_ >= config_.read_tags) {
    stalled_ = true;
    return;
  }
  if (write && next_write_ > now()) {
    queue().post(next_write_, *this, kIssue);
    return;
  }
  const std::uint64_t address = next_address();
  ++issued_;
  const Ps units = (bytes_ + config_.unit_bytes - 1) / config_.unit_bytes;
  if (issued_ < count_) queue().post(now() + transfer_time_ + units * unit_time_, *this, kIssue);
  if (write) {
    ++writes_;
    next_write_ = now() + write_interval_;
    dma_write(0, address, data_, 1);
  } else {
    ++reads_;
    dma_read(0, address, bytes_, 0);
  }
}

void DmaEngine::landed(bool ok) {
  failed_ = failed_ || !ok;
  if (++done_ == count_) {
    elapsed_ = now() - started_;
    busy_ = false;
    return;
  }
  if (stalled_) {
    stalled_ = false;
    queue().post(now(), *this, kIssue);
  }
}

void DmaEngine::dma_read_done(std::uint64_t, std::span<const std::uint8_t>, bool ok, PacketId) {
  if (measures_latency()) {
    failed_ = failed_ || !ok;
    const Ps units = (bytes_ + config_.unit_bytes - 1) / config_.unit_bytes;
    queue().post(now() + units * unit_time_ + completion_, *this, kSeen, 0);
    return;
  }
  --reads_;
  landed(ok);
}

void DmaEngine::dma_write_done(std::uint64_t, bool ok) {
  if (measures_latency()) {  // nobody waits for a posted write to land
    failed_ = failed_ || !ok;
    return;
  }
  --writes_;
  landed(ok);
}

}  // namespace iovirt::pcie
