// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/huge_area.h"

#include <sys/mman.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace iovirt {
namespace {

constexpr std::size_t kHugePageBytes = 2u << 20;

}  // namespace

HugeArea::HugeArea(std::size_t bytes) : mapped_bytes_(bytes + kHugePageBytes) {
  mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped_ == MAP_FAILED)
    throw std::runtime_error("the operating system has no address space for " + std::to_string(bytes) + " bytes of simulated memory");
  data_ = mapped_;
  std::size_t space = mapped_bytes_;
  std::align(kHugePageBytes, bytes, data_, space);
#ifdef MADV_HUGEPAGE
  madvise(data_, bytes, MADV_HUGEPAGE);  // a system without them refuses, and nothing is lost but speed
#endif
}

HugeArea::~HugeArea() { munmap(mapped_, mapped_bytes_); }

}  // namespace iovirt
