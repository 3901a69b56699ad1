// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A driver's half of a split virtqueue laid out by hand in a byte array, for tests of the device's half: no
// cleverness, every field can be made wrong.
#pragma once

#include <cstring>
#include <stdexcept>
#include <vector>

#include "lib/memory_port.h"
#include "models/virtio/virtio_spec.h"

namespace iovirt::test {

/// RAM from address 0.
class ByteMemory final : public MemoryPort {
 public:
  explicit ByteMemory(std::size_t bytes) : data(bytes) {}
  bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override {
    if (!covers(address, bytes.size())) return false;
    if (!bytes.empty()) std::memcpy(bytes.data(), data.data() + address, bytes.size());
    return true;
  }
  bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override {
    if (!covers(address, bytes.size())) return false;
    if (!bytes.empty()) std::memcpy(data.data() + address, bytes.data(), bytes.size());
    return true;
  }
  std::vector<std::uint8_t> data;

 private:
  bool covers(std::uint64_t address, std::uint64_t bytes) const {
    return address <= data.size() && bytes <= data.size() - address;
  }
};

class VirtioDriverRing {
 public:
  /// The rings lie at `base`, which is aligned to 16; bytes() long.
  VirtioDriverRing(MemoryPort& memory, std::uint64_t base, std::uint16_t size) : memory_(memory) {
    layout.size = size;
    layout.desc = base;
    layout.driver = base + virtio::QueueLayout::desc_bytes(size);
    layout.device = (layout.driver + virtio::QueueLayout::driver_bytes(size) + 3) & ~3ull;
  }
  std::uint64_t end() const { return layout.device + virtio::QueueLayout::device_bytes(layout.size); }

  void desc(std::uint16_t index, std::uint64_t addr, std::uint32_t len, std::uint16_t flags, std::uint16_t next = 0) {
    desc_at(layout.desc_at(index), addr, len, flags, next);
  }
  /// A descriptor anywhere: of an indirect table.
  void desc_at(std::uint64_t at, std::uint64_t addr, std::uint32_t len, std::uint16_t flags, std::uint16_t next = 0) {
    put(at, virtio::Desc{addr, len, flags, next});
  }
  /// An available entry and the index behind it.
  void offer(std::uint16_t head) {
    put(layout.avail_ring(avail_idx), head);
    put(layout.avail_idx(), ++avail_idx);
  }
  void set_avail_idx(std::uint16_t index) { put(layout.avail_idx(), avail_idx = index); }
  void set_avail_flags(std::uint16_t flags) { put(layout.avail_flags(), flags); }
  void set_used_event(std::uint16_t index) { put(layout.used_event(), index); }

  std::uint16_t used_flags() const { return get<std::uint16_t>(layout.used_flags()); }
  std::uint16_t used_idx() const { return get<std::uint16_t>(layout.used_idx()); }
  std::uint16_t avail_event() const { return get<std::uint16_t>(layout.avail_event()); }
  struct Used {
    std::uint32_t id, len;
  };
  Used used(std::uint16_t index) const { return get<Used>(layout.used_ring(index)); }

  virtio::QueueLayout layout;
  std::uint16_t avail_idx = 0;

 private:
  template <class Word>
  void put(std::uint64_t at, Word word) {
    if (!memory_.store(at, word)) throw std::out_of_range("VirtioDriverRing: outside memory");
  }
  template <class Word>
  Word get(std::uint64_t at) const {
    return memory_.load<Word>(at).value();
  }
  MemoryPort& memory_;
};

}  // namespace iovirt::test
