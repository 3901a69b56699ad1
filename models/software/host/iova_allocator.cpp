// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/host/iova_allocator.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace iovirt::software {

IovaAllocator::IovaAllocator(std::uint64_t limit, unsigned cores, bool cached)
    : limit_(limit), cached_(cached), search_from_(limit) {
  for (SizeClass& size : classes_) size.cores.resize(cores);
}

std::size_t IovaAllocator::position(std::uint64_t page) const {
  return static_cast<std::size_t>(
      std::lower_bound(tree_.begin(), tree_.end(), page, [](const Node& node, std::uint64_t p) { return node.first < p; }) -
      tree_.begin());
}

/// Nodes on the way down a balanced tree.
unsigned IovaAllocator::depth() const { return static_cast<unsigned>(std::bit_width(tree_.size() + 1)); }

std::uint64_t IovaAllocator::take_cached(SizeClass& cache, unsigned core) {
  CoreCache& own = cache.cores[core];
  if (own.loaded.empty()) {
    if (!own.previous.empty()) {
      own.loaded.swap(own.previous);
    } else if (!cache.depot.empty()) {
      own.loaded.swap(cache.depot.back());
      cache.depot.pop_back();
    } else {
      return 0;
    }
  }
  const std::uint64_t page = own.loaded.back();
  own.loaded.pop_back();
  return page;
}

IovaAllocator::Range IovaAllocator::allocate(unsigned core, std::uint64_t pages) {
  const std::uint64_t rounded = std::bit_ceil(pages);
  const auto size = static_cast<unsigned>(std::countr_zero(rounded));
  if (cached_ && size < kCachedClasses) {
    if (const std::uint64_t page = take_cached(classes_[size], core)) return {page, 0};
    return search(rounded);
  }
  return search(pages);
}

// From the range last allocated downwards; once more from the top when nothing was found below.
IovaAllocator::Range IovaAllocator::search(std::uint64_t pages) {
  const std::uint64_t mask = ~(std::bit_ceil(pages) - 1);
  unsigned visited = 0;
  for (const std::uint64_t from : {search_from_, limit_}) {
    std::size_t below = position(from);  // the next range down is tree_[below - 1]
    std::uint64_t high = from;
    for (;; --below) {
      ++visited;
      if (high <= pages) break;
      const std::uint64_t first = (high - pages) & mask;
      if (first == 0) break;
      if (below == 0 || first > tree_[below - 1].last) {
        tree_.insert(tree_.begin() + static_cast<std::ptrdiff_t>(below), Node{first, first + pages - 1});
        search_from_ = first;
        return {first, visited + depth()};
      }
      high = tree_[below - 1].first;
    }
    if (from == limit_) break;
  }
  throw std::runtime_error("the host has no I/O virtual addresses left below 4 GB");
}

unsigned IovaAllocator::remove(std::uint64_t page) {
  const std::size_t at = position(page);
  if (at == tree_.size() || tree_[at].first != page) throw std::logic_error("an I/O virtual address is freed that nobody had");
  const unsigned visited = depth();
  if (page >= search_from_) search_from_ = at + 1 < tree_.size() ? tree_[at + 1].first : limit_;
  tree_.erase(tree_.begin() + static_cast<std::ptrdiff_t>(at));
  return visited;
}

unsigned IovaAllocator::free(unsigned core, std::uint64_t page, std::uint64_t pages) {
  const auto size = static_cast<unsigned>(std::countr_zero(std::bit_ceil(pages)));
  if (!cached_ || size >= kCachedClasses) return remove(page);
  SizeClass& cache = classes_[size];
  CoreCache& own = cache.cores[core];
  unsigned visited = 0;
  if (own.loaded.size() == kMagazine) {
    if (own.previous.size() < kMagazine) {
      own.loaded.swap(own.previous);
    } else {
      if (cache.depot.size() < kDepot)
        cache.depot.push_back(std::move(own.loaded));
      else
        for (const std::uint64_t old : own.loaded) visited += remove(old);
      own.loaded.clear();
    }
  }
  own.loaded.push_back(page);
  return visited;
}

}  // namespace iovirt::software
