// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A descriptor ring as the controller holds it: its registers, and the descriptors fetched ahead. Datasheet 7.1.6, 7.2.4.
// Knows nothing of what the descriptors say. Software owns [tail, head), hardware [head, tail).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "models/nic/igb_spec.h"

namespace iovirt::nic {

class DescriptorRing {
 public:
  explicit DescriptorRing(std::uint32_t cache_entries, std::uint32_t batch);

  // -- registers -----------------------------------------------------------------------------------------------------
  std::uint32_t base_low = 0, base_high = 0, length = 0, control = 0, dca = 0;
  std::uint32_t head() const { return head_; }
  std::uint32_t tail() const { return tail_; }
  void set_base_low(std::uint32_t value) { base_low = value & ~0x7fu; }
  void set_length(std::uint32_t value);
  void set_head(std::uint32_t value);
  void set_tail(std::uint32_t value) { tail_ = value & 0xffff; }
  /// RXDCTL, TXDCTL. True when the enable bit changed.
  bool set_control(std::uint32_t value);
  bool enabled() const { return (control & igb::kDctlEnable) != 0 && count() != 0; }
  std::uint32_t write_back_threshold() const { return static_cast<std::uint32_t>(igb::DctlWthresh::get(control)); }
  void reset();

  // -- fetching ----------------------------------------------------------------------------------------------------------
  struct Fetch {
    std::uint64_t address;
    std::uint32_t bytes;
  };
  /// What to read next, if anything: always when `starved`, else by the thresholds of the control register.
  std::optional<Fetch> want_fetch(bool starved);
  /// The read that want_fetch asked for has ended. Not ok: the descriptors count as bad.
  void fetched(std::span<const std::uint8_t> bytes, bool ok);

  // -- using -------------------------------------------------------------------------------------------------------------
  struct Entry {
    igb::Descriptor descriptor;
    bool bad = false;
  };
  std::uint32_t held() const { return fetched_count_ - used_count_; }
  /// What software has given and is not yet held.
  std::uint32_t in_memory() const;
  /// REQUIRES: n < held().
  const Entry& peek(std::uint32_t n) const { return cache_[(used_count_ + n) & mask_]; }
  /// REQUIRES: n <= held().
  void use(std::uint32_t n);
  /// Index in the ring of the next descriptor to use.
  std::uint32_t next_index() const { return used_; }
  /// `n` more descriptors, from head on, are software's again.
  void retire(std::uint32_t n);
  std::uint32_t count() const { return length / igb::kDescriptorBytes; }
  std::uint64_t address_of(std::uint32_t index) const {
    return (static_cast<std::uint64_t>(base_high) << 32 | base_low) + std::uint64_t{igb::kDescriptorBytes} * index;
  }
  std::uint32_t after(std::uint32_t index, std::uint32_t n = 1) const { return wrapped(index + n); }
  std::uint32_t cache_entries() const { return mask_ + 1; }
  /// Changes whenever what is in flight has become void.
  std::uint16_t generation() const { return generation_; }

 private:
  /// `index` modulo the ring's size: seldom beyond it, and a division is slow.
  std::uint32_t wrapped(std::uint32_t index) const { return index < count() ? index : index % count(); }
  void restart();

  std::uint32_t head_ = 0, tail_ = 0;
  std::uint32_t used_ = 0;     // ring index of the next to use
  std::uint32_t fetch_at_ = 0;  // ring index of the next to fetch
  std::uint32_t used_count_ = 0, fetched_count_ = 0;
  std::uint32_t fetching_ = 0;
  std::uint32_t mask_, batch_;
  std::uint16_t generation_ = 0;
  std::vector<Entry> cache_;
};

}  // namespace iovirt::nic
