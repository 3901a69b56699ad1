// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/memory/memory_module.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace iovirt::memory {
namespace {

const Config& valid(const Config& config) {
  config.validate();
  return config;
}

/// What of an event: the socket's index, that a read's turn at the port has come rather than its answer's time, and that
/// a ledger follows the request.
constexpr std::uint32_t kTurn = 1u << 31, kLedger = 1u << 30;

constexpr std::uint64_t first_line(std::uint64_t address) { return address / kLineBytes; }
constexpr std::uint64_t end_line(std::uint64_t address, std::uint64_t bytes) {
  return bytes == 0 ? address / kLineBytes : (address + bytes - 1) / kLineBytes + 1;
}

}  // namespace

Memory::Memory(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue)
    : sc_module(name),
      dma_in("dma_in", *this),
      queue_(queue),
      ram_(valid(config).size_bytes, config.hole_base, config.hole_bytes),
      llc_(config.llc_bytes, config.llc_ways, config.ddio_ways),
      llc_latency_(ns_to_ps(config.llc_latency_ns)),
      device_latency_(ns_to_ps(config.device_latency_ns) + llc_latency_),
      dram_latency_(ns_to_ps(config.dram_latency_ns)),
      line_time_(ns_to_ps(kLineBytes / config.channel_gbytes_per_s)),
      backlog_(line_time_ * config.write_queue_lines),
      read_interval_(ns_to_ps(config.device_read_interval_ns)),
      line_interval_(ns_to_ps(config.device_line_interval_ns)),
      paced_((read_interval_ | line_interval_) != 0),
      refresh_interval_(ns_to_ps(config.refresh_interval_ns)),
      refresh_(ns_to_ps(config.refresh_ns)),
      parallelism_(config.memory_parallelism),
      channels_(config.channels),
      channel_mask_(std::has_single_bit(channels_.size()) ? channels_.size() - 1 : kDivide),
      turns_(queue, *this),
      commits_{sim::Lane(queue, *this), sim::Lane(queue, *this), sim::Lane(queue, *this)} {
  dma_in.register_get_direct_mem_ptr(this, &Memory::direct);
  dma_in.register_transport_dbg(this, &Memory::debug);
}

Memory::Memory(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, MemoryPort& store)
    : Memory(name, config, queue) {
  store_ = &store;
}

/// When the channel begins to serve it. Channels take turns with their refreshes.
[[gnu::always_inline]] inline Ps Memory::claim_channel(std::uint64_t line, Ps now) {
  TimedResource& channel = channel_of(line);
  if (refresh_interval_ != 0) {
    const Ps start = std::max(now, channel.free_at());
    const Ps turn = refresh_interval_ * index_of_channel(line) / channels_.size();
    const Ps phase = (start + turn) % refresh_interval_;
    if (phase < refresh_) channel.claim(now, refresh_ - phase);
  }
  return channel.claim(now, line_time_);
}

[[gnu::always_inline]] inline Ps Memory::fetch(std::uint64_t line, Ps now) { return claim_channel(line, now) + dram_latency_; }

Ps Memory::write_back(std::uint64_t line, Ps now) {
  // Buffered: whoever caused it waits only when the channel's buffer is full.
  ++counters_.write_backs;
  TimedResource& channel = channel_of(line);
  claim_channel(line, now);
  return channel.free_at() > now + backlog_ ? channel.free_at() - backlog_ : now;
}

/// When it is there, the way apart.
[[gnu::always_inline]] inline Ps Memory::device_read_line(std::uint64_t line, Ps now) {
  if (llc_.device_read(line * kLineBytes).hit) {
    ++counters_.device_line_hits;
    return now;
  }
  ++counters_.device_line_misses;
  return fetch(line, now);
}

/// It leaves the line as a write would: modified in the cache, or without DDIO written back.
Ps Memory::exclusive_read_line(std::uint64_t line, Ps now) {
  const Llc::Outcome outcome = llc_.device_write(line * kLineBytes);
  const Ps done = outcome.wrote_back ? write_back(line, now) : now;
  ++(outcome.hit ? counters_.device_line_hits : counters_.device_line_misses);
  return outcome.hit ? done : std::max(done, fetch(line, now));
}

[[gnu::always_inline]] inline Ps Memory::device_write_line(std::uint64_t line, Ps now) {
  const Llc::Outcome outcome = llc_.device_write(line * kLineBytes);
  ++(outcome.hit ? counters_.device_line_hits : counters_.device_line_misses);
  return outcome.wrote_back ? write_back(line, now) : now;
}

/// What one(line) says of the slowest of them. Most requests are of one line.
template <class One>
[[gnu::always_inline]] inline Ps Memory::of_lines(std::uint64_t address, std::uint64_t bytes, Ps now, One&& one) {
  if (bytes - 1 < kLineBytes - address % kLineBytes) return one(first_line(address));
  return of_many_lines(address, bytes, now, one);
}
template <class One>
[[gnu::noinline]] Ps Memory::of_many_lines(std::uint64_t address, std::uint64_t bytes, Ps now, One&& one) {
  Ps done = now;
  const std::uint64_t end = end_line(address, bytes);
  for (std::uint64_t line = first_line(address); line < end; ++line) done = std::max(done, one(line));
  return done;
}

[[gnu::always_inline]] inline Ps Memory::device_read(std::uint64_t address, std::uint64_t bytes, Ps now, bool exclusive) {
  const Ps done = exclusive ? of_many_lines(address, bytes, now, [=, this](std::uint64_t line) { return exclusive_read_line(line, now); })
                            : of_lines(address, bytes, now, [=, this](std::uint64_t line) { return device_read_line(line, now); });
  return done + device_latency_;
}

[[gnu::always_inline]] inline Ps Memory::device_write(std::uint64_t address, std::uint64_t bytes, Ps now) {
  const Ps done = of_lines(address, bytes, now, [=, this](std::uint64_t line) { return device_write_line(line, now); });
  last_write_commit_ = std::max(done + device_latency_, last_write_commit_);
  return last_write_commit_;
}

Ps Memory::cpu_line(std::uint64_t line, bool write) {
  const Llc::Outcome outcome = llc_.core_access(line * kLineBytes, write);
  if (outcome.hit) {
    ++counters_.core_line_hits;
    return llc_latency_;
  }
  ++counters_.core_line_misses;
  const Ps now = queue_.now();
  const Ps cost = llc_latency_ + fetch(line, now) - now;
  if (outcome.wrote_back) write_back(line, now);
  return cost;
}

Ps Memory::cpu_access(std::uint64_t address, std::uint64_t bytes, bool write) {
  const std::uint64_t end = end_line(address, bytes);
  std::uint64_t line = first_line(address);
  if (line + 1 == end) return cpu_line(line, write);
  Ps total = 0;
  while (line < end) {
    Ps slowest = 0;  // of the lines that overlap
    for (unsigned in_group = 0; in_group < parallelism_ && line < end; ++in_group) slowest = std::max(slowest, cpu_line(line++, write));
    total += slowest;
  }
  return total;
}

[[gnu::always_inline]] inline void Memory::serve(std::uint32_t id, tlm::tlm_generic_payload& payload, Ps now) {
  const std::uint64_t address = payload.get_address();
  const std::uint64_t bytes = payload.get_data_length();
  const auto* ext = payload.get_extension<sim::RequesterExtension>();
  if (ext && ext->ledger) id |= kLedger;
  const Ps hit = now + device_latency_;
  Ps commit = hit;
  const bool write = payload.is_write();
  // The bytes move when the request commits: time for the host to fetch them.
  if (store_)
    store_->expect(address);
  else if (contains(address, bytes))
    __builtin_prefetch(ram_.data() + address, 1);
  if (write) {
    ++counters_.device_writes;
    commit = contains(address, bytes) ? device_write(address, bytes, now) : std::max(hit, last_write_commit_);
    last_write_commit_ = commit;
  } else {
    ++counters_.device_reads;
    if (contains(address, bytes)) commit = device_read(address, bytes, now, ext && ext->exclusive);
  }
  const unsigned lane = commit == hit ? kHits : write ? kWrites : kMisses;
  commits_[lane].post(commit, id, reinterpret_cast<std::uintptr_t>(&payload));
}

tlm::tlm_sync_enum Memory::request(int id, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  if (phase != tlm::BEGIN_REQ) return tlm::TLM_COMPLETED;
  const Ps now = queue_.now();
  const auto socket = static_cast<std::uint32_t>(id);
  Ps turn = now;
  if (paced_ && payload.is_read()) {
    const std::uint64_t address = payload.get_address();
    const Ps lines = end_line(address, payload.get_data_length()) - first_line(address);
    turn = read_port_.claim(now, read_interval_ + lines * line_interval_);
  }
  if (turn > now)
    turns_.post(turn, socket | kTurn, reinterpret_cast<std::uintptr_t>(&payload));
  else
    serve(socket, payload, now);
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

void Memory::fire(std::uint32_t what, std::uint64_t arg) {
  auto& payload = *reinterpret_cast<tlm::tlm_generic_payload*>(static_cast<std::uintptr_t>(arg));
  if (what & kTurn) return serve(what & ~kTurn, payload, queue_.now());
  const std::uint64_t address = payload.get_address();
  const std::size_t bytes = payload.get_data_length();
  auto* ext = what & kLedger ? payload.get_extension<sim::RequesterExtension>() : nullptr;
  if (payload.get_byte_enable_ptr() != nullptr) {
    ++counters_.errors;
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  } else if (store_ ? !move(payload) : !ram_.contains(address, bytes)) {
    ++counters_.errors;
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  } else if (store_) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  } else {
    if (payload.is_write())
      std::memcpy(ram_.data() + address, payload.get_data_ptr(), bytes);
    else
      std::memcpy(payload.get_data_ptr(), ram_.data() + address, bytes);
    if (ext && ext->first) note_packet(payload, *ext);
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
  if (ext) ext->mark(Stage::memory, queue_.now());
  tlm::tlm_phase phase = tlm::BEGIN_RESP;
  sc_core::sc_time delay = queue_.delay();
  dma_in[static_cast<int>(what & ~kLedger)]->nb_transport_bw(payload, phase, delay);
}

/// Which packet's bytes lie where.
void Memory::note_packet(const tlm::tlm_generic_payload& payload, sim::RequesterExtension& ext) {
  if (payload.is_write() && ext.packet != 0) {
    ext.ledger->place(payload.get_address(), ext.packet);
  } else if (!payload.is_write() && ext.packet == 0) {
    if (const PacketId found = ext.ledger->at(payload.get_address()); found != 0) ext.claim(found);
  }
}

bool Memory::move(tlm::tlm_generic_payload& payload) {
  MemoryPort& bytes = store_ ? *store_ : static_cast<MemoryPort&>(ram_);
  const std::size_t length = payload.get_data_length();
  return payload.is_write() ? bytes.write(payload.get_address(), {payload.get_data_ptr(), length})
                            : bytes.read(payload.get_address(), {payload.get_data_ptr(), length});
}

bool Memory::direct(int, tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) {
  if (store_) return false;
  const Ram::Region region = ram_.region(payload.get_address());
  if (region.begin == region.end) return false;
  dmi.set_start_address(region.begin);
  dmi.set_end_address(region.end - 1);
  dmi.set_dmi_ptr(ram_.data() + region.begin);
  dmi.set_granted_access(tlm::tlm_dmi::DMI_ACCESS_READ_WRITE);
  dmi.set_read_latency(sc_core::sc_time::from_value(llc_latency_));
  dmi.set_write_latency(sc_core::sc_time::from_value(llc_latency_));
  return true;
}

unsigned Memory::debug(int, tlm::tlm_generic_payload& payload) { return move(payload) ? payload.get_data_length() : 0; }

}  // namespace iovirt::memory
