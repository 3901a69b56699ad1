// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// I/O virtual addresses as Linux hands them out (drivers/iommu/iova.c): a tree of allocated ranges, searched from the
// top down, behind magazines of freed ranges for each core and a depot that the cores share. What a device's addresses
// look like, and so what its IOTLB and paging-structure caches meet, is decided here. Pages are of 4 KB.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace iovirt::software {

class IovaAllocator {
 public:
  static constexpr unsigned kMagazine = 128;     ///< IOVA_MAG_SIZE
  static constexpr unsigned kDepot = 32;         ///< MAX_GLOBAL_MAGS
  static constexpr unsigned kCachedClasses = 7;  ///< ranges of 1 to 64 pages, powers of two, are cached

  /// Addresses below page `limit`, not 0. Without `cached` every request searches the tree, as before Linux 4.7.
  IovaAllocator(std::uint64_t limit, unsigned cores, bool cached = true);

  struct Range {
    std::uint64_t page = 0;
    unsigned visited = 0;  ///< nodes of the tree that were looked at: 0 when a magazine had it
  };
  /// `pages` consecutive pages, aligned to their number rounded up to a power of two. Throws std::runtime_error when
  /// there are none.
  Range allocate(unsigned core, std::uint64_t pages);
  /// Gives back what allocate() gave. Returns how many nodes of the tree were looked at.
  unsigned free(unsigned core, std::uint64_t page, std::uint64_t pages);

  /// Ranges in the tree: those in use and those in magazines.
  std::size_t in_tree() const { return tree_.size(); }

 private:
  struct Node {
    std::uint64_t first, last;
  };
  using Magazine = std::vector<std::uint64_t>;
  struct CoreCache {
    Magazine loaded, previous;
  };
  struct SizeClass {
    std::vector<CoreCache> cores;
    std::vector<Magazine> depot;
  };

  std::uint64_t take_cached(SizeClass& cache, unsigned core);
  Range search(std::uint64_t pages);
  unsigned remove(std::uint64_t page);
  std::size_t position(std::uint64_t page) const;
  unsigned depth() const;

  std::uint64_t limit_;
  bool cached_;
  std::vector<Node> tree_;        ///< by address
  std::uint64_t search_from_;     ///< first page of the range last allocated, or of the one above the last freed
  std::array<SizeClass, kCachedClasses> classes_;
};

}  // namespace iovirt::software
