// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/huge_area.h"

#include <sys/mman.h>

#include <memory>
#include <stdexcept>

namespace iovirt {
namespace {

constexpr std::size_t kHugePageBytes = 2u << 20;

}  // namespace

HugeArea::HugeArea(std::size_t bytes) : bytes_(bytes), mapped_bytes_(bytes + kHugePageBytes) {
  mapped_ = mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped_ == MAP_FAILED) throw std::runtime_error("memory: the operating system has no address space for this much RAM");
  data_ = mapped_;
  std::size_t space = mapped_bytes_;
  std::align(kHugePageBytes, bytes_, data_, space);
#ifdef MADV_HUGEPAGE
  madvise(data_, bytes_, MADV_HUGEPAGE);  // a system without them refuses, and nothing is lost but speed
#endif
}

HugeArea::~HugeArea() { munmap(mapped_, mapped_bytes_); }

}  // namespace iovirt
