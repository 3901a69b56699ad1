// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/translate/tenant_tables.h"

#include <set>

#include "lib/memory_port.h"
#include "models/iommu/registers_spec.h"
#include "models/iommu/untimed.h"
#include "models/platform/translate/tenant_mix.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::platform;

namespace {

/// The IOMMU's own opinion of the tables.
struct Reader {
  explicit Reader(memory::LineStore& store, const TenantTables& tables) : iommu({}, store) {
    iommu.write_register(iommu::reg::kRTADDR, tables.root(), 8);
    iommu.write_register(iommu::reg::kGCMD, iommu::reg::gcmd::kSRTP);
    iommu.write_register(iommu::reg::kGCMD, iommu::reg::gcmd::kTE);
  }
  /// 0: blocked.
  std::uint64_t translate(std::uint16_t requester, std::uint64_t address) {
    iommu::Request request;
    request.source = requester;
    request.address = address;
    const auto answer = iommu.translate(request);
    const auto* translation = std::get_if<iommu::Translation>(&answer);
    return translation ? translation->address : 0;
  }
  iommu::UntimedIommu iommu;
};

}  // namespace

TEST_CASE("each requester's pages go to places of their own, and nothing else is mapped") {
  for (const std::uint64_t page : {std::uint64_t{4096}, std::uint64_t{2} << 20, std::uint64_t{1} << 30})
    for (const unsigned levels : {3u, 4u}) {
      INFO(page << " " << levels);
      memory::LineStore store(46);
      TenantTables tables(store, {page, levels, 46});
      const std::uint64_t addresses[] = {0, page, 511 * page, 5 * page, page * 512 % (1ull << 39), 0x7f'c000'0000 & ~(page - 1)};
      for (unsigned tenant = 0; tenant < 700; ++tenant)
        for (std::uint64_t address : addresses) tables.map(static_cast<std::uint16_t>(0x80 + tenant), address + 17);
      Reader reader(store, tables);
      std::set<std::uint64_t> places, wanted;
      for (std::uint64_t address : addresses) wanted.insert(address);
      for (unsigned tenant = 0; tenant < 700; tenant += 7) {
        const auto requester = static_cast<std::uint16_t>(0x80 + tenant);
        for (std::uint64_t address : wanted) {
          const std::uint64_t at = reader.translate(requester, address + 17);
          REQUIRE(at != 0);
          REQUIRE(at == tables.physical(requester, address + 17));
          REQUIRE(at % page == 17);
          places.insert(at);
        }
        REQUIRE(reader.translate(requester, 2 * page) == 0);
      }
      REQUIRE(places.size() == 100 * wanted.size());
      REQUIRE(tables.mapped_pages() == 700 * wanted.size());
      REQUIRE(reader.translate(0x7f, 0) == 0);
    }
}

TEST_CASE("an idle tenant's tables cost less than half a kilobyte of host memory") {
  memory::LineStore store(46);
  TenantTables tables(store, {});
  constexpr unsigned kFirst = 1000, kMore = 20'000;
  for (unsigned i = 0; i < kFirst; ++i) tables.map(static_cast<std::uint16_t>(i), 0x1234'5000);
  const std::uint64_t before = store.host_bytes();
  for (unsigned i = kFirst; i < kFirst + kMore; ++i) tables.map(static_cast<std::uint16_t>(i), 0x1234'5000);
  REQUIRE((store.host_bytes() - before) / kMore < 512);
  REQUIRE(tables.table_pages() >= 4 * kMore);
}

TEST_CASE("tables and pages stay within the host's address bits") {
  memory::LineStore store(32);
  TenantTables tables(store, {1ull << 30, 4, 32});
  tables.map(1, 0);
  tables.map(1, 1ull << 30);
  REQUIRE_THROWS_AS(tables.map(1, 2ull << 30), std::length_error);
  TenantTables small(store, {4096, 4, 33});
  for (std::uint64_t i = 0; i < 100; ++i) small.map(2, i << 12);
  REQUIRE(small.physical(2, 99 << 12) >= 1ull << 32);
  REQUIRE(small.physical(2, 99 << 12) < 1ull << 33);
}
