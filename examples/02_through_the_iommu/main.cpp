// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Tables in memory, registers, and three requests: a miss that walks the tables, a hit, and a fault. No SystemC: this
// is the IOMMU's pure core; 07_iommu_in_your_platform shows the timed module.

#include <cstdio>
#include <cstring>
#include <variant>
#include <vector>

#include "lib/memory_port.h"
#include "models/iommu/registers_spec.h"
#include "models/iommu/untimed.h"

using namespace iovirt;

struct Ram : MemoryPort {
  std::vector<std::uint8_t> bytes = std::vector<std::uint8_t>(1 << 20);
  bool read(std::uint64_t a, std::span<std::uint8_t> to) override {
    if (a + to.size() > bytes.size()) return false;
    std::memcpy(to.data(), &bytes[a], to.size());
    return true;
  }
  bool write(std::uint64_t a, std::span<const std::uint8_t> from) override {
    if (a + from.size() > bytes.size()) return false;
    std::memcpy(&bytes[a], from.data(), from.size());
    return true;
  }
  void put(std::uint64_t a, std::uint64_t word) { std::memcpy(&bytes[a], &word, 8); }
};

int main() {
  Ram ram;
  iommu::UntimedIommu iommu({}, ram);

  // Device 03:00.0 is in domain 5, whose 3-level tables at 0x3000 map IOVA 0x7000 to page 0x42000, read-only.
  const std::uint16_t device = 0x0300;
  ram.put(0x1000 + 3 * 16, 0x2000 | 1);                // root table: bus 3's context table
  ram.put(0x2000, 0x3000 | 1);                         // context entry: present, second-stage tables
  ram.put(0x2008, 5 << 8 | 1);                         // domain 5, 39 bits
  ram.put(0x3000, 0x4000 | 3);                         // level 3
  ram.put(0x4000, 0x5000 | 3);                         // level 2
  ram.put(0x5000 + 7 * 8, 0x42000 | 1);                // level 1: the page
  iommu.write_register(iommu::reg::kRTADDR, 0x1000, 8);
  iommu.write_register(iommu::reg::kGCMD, iommu::reg::gcmd::kSRTP);
  iommu.write_register(iommu::reg::kGCMD, iommu::reg::gcmd::kTE);

  const auto dma = [&](std::uint64_t address, bool write) {
    const auto before = iommu.unit().statistics();
    iommu::Request request;
    request.source = device;
    request.address = address;
    request.write = write;
    const auto answer = iommu.translate(request);
    const auto& after = iommu.unit().statistics();
    std::printf("%s 0x%llx: ", write ? "write" : "read ", static_cast<unsigned long long>(address));
    if (const auto* t = std::get_if<iommu::Translation>(&answer))
      std::printf("0x%llx", static_cast<unsigned long long>(t->address));
    else
      std::printf("fault %s", iommu::fault_name(std::get<iommu::Fault>(answer).reason).data());
    std::printf(" (%s, %llu reads of tables)\n", after.iotlb_hits > before.iotlb_hits ? "hit" : "miss",
                static_cast<unsigned long long>(after.memory_reads - before.memory_reads));
  };
  dma(0x7010, false);
  dma(0x7020, false);
  dma(0x7030, true);

  const auto high = iommu.read_register(iommu::reg::kFaultRecords + 8, 8);
  std::printf("fault record: reason %llu, source %02llx:%02llx.%llu, address 0x%llx\n",
              static_cast<unsigned long long>(iommu::reg::record::FR::get(high)), static_cast<unsigned long long>(high >> 8 & 0xff),
              static_cast<unsigned long long>(high >> 3 & 0x1f), static_cast<unsigned long long>(high & 7),
              static_cast<unsigned long long>(iommu.read_register(iommu::reg::kFaultRecords, 8)));
}
