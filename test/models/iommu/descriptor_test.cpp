// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Decoding of invalidation descriptors alone (6.5.2), every type and every way to get one wrong.

#include "models/iommu/invalidation.h"
#include "test/support/catch.h"

using namespace iovirt::iommu;

namespace {

Config everything() {
  Config config;
  config.scalable_mode = config.device_tlbs = config.page_requests = true;
  config.max_address_mask = 9;
  return config;
}
constexpr QueueFormat kNarrow{}, kWideLegacy{.wide = true}, kWide{.wide = true, .mode = TableMode::scalable};

Descriptor decode(const descriptor::Words& words, QueueFormat format = kWide, const Config& config = everything()) {
  return decode_descriptor(config, format, words);
}
QueueError error(const Descriptor& descriptor) {
  const auto* e = std::get_if<QueueError>(&descriptor);
  return e ? *e : QueueError::none;
}

/// One valid descriptor of each type.
constexpr descriptor::Words kValid[] = {
    {0x11, 0}, {0x12, 0}, {0x3, 0}, {0x4, 0}, {0x25, 0x1000}, {0x26, 0}, {0x37, 0}, {0x8, 0}, {0x9, 0}};

}  // namespace

TEST_CASE("every type of descriptor decodes in the translation mode and width it belongs to, and in no other") {
  for (const auto& words : kValid) {
    CAPTURE(words[0]);
    const bool pasid_based = (words[0] & 0xf) >= 6;
    REQUIRE(error(decode(words, kWide)) == QueueError::none);
    REQUIRE(error(decode(words, {.wide = true, .mode = TableMode::abort})) == QueueError::none);
    for (const TableMode mode : {TableMode::scalable, TableMode::abort})
      REQUIRE(error(decode(words, {.wide = false, .mode = mode})) == QueueError::invalid_width);
    for (const bool wide : {false, true})
      REQUIRE(error(decode(words, {.wide = wide, .mode = TableMode::reserved})) == QueueError::invalid_table_mode);
    REQUIRE(error(decode(words, kNarrow)) == (pasid_based ? QueueError::invalid_type : QueueError::none));
    REQUIRE(error(decode(words, kWideLegacy)) == (pasid_based ? QueueError::invalid_type : QueueError::none));
  }
  for (const std::uint64_t type : {0x0ull, 0xaull, 0xfull, 0x201ull, 0xe05ull}) {
    CAPTURE(type);
    REQUIRE(error(decode({type, 0})) == QueueError::invalid_type);
  }
}

TEST_CASE("a set bit that its type does not define is a reserved-field error, each bit on its own") {
  // Bits that each type defines, beyond type 3:0 and 11:9.
  constexpr std::uint64_t kDefinedLow[] = {
      0x0003'ffff'ffff'0030, 0x0000'0000'ffff'00f0, 0x0000'ffff'001f'0000, 0x0000'ffff'f800'0010, 0xffff'ffff'0000'00f0,
      0x000f'ffff'ffff'0030, 0x000f'ffff'ffff'0030, 0x000f'ffff'ffff'01f0, 0x000f'ffff'ffff'f010};
  constexpr std::uint64_t kDefinedHigh[] = {0, 0xffff'ffff'ffff'f07f, 0xffff'ffff'ffff'f001, 0, 0xffff'ffff'ffff'fffc,
                                            0xffff'ffff'ffff'f07f, 0, 0xffff'ffff'ffff'f801, 0x0000'0000'0000'0ffc};
  for (unsigned type = 1; type <= 9; ++type)
    for (unsigned bit = 0; bit < 256; ++bit) {
      descriptor::Words words = kValid[type - 1];
      words[bit / 64] |= 1ull << (bit % 64);
      if (bit < 64 && ((0xe0full >> bit) & 1)) continue;  // the type itself
      const std::uint64_t defined = bit < 64 ? kDefinedLow[type - 1] : bit < 128 ? kDefinedHigh[type - 1] : 0;
      if ((defined >> (bit % 64)) & 1) continue;
      CAPTURE(type, bit);
      REQUIRE(error(decode(words)) == QueueError::reserved_field);
    }
}

TEST_CASE("granularities, masks and index masks that mean nothing are reserved-field errors") {
  for (const descriptor::Words& words : {descriptor::Words{0x1, 0}, {0x2, 0}, {0x06, 0}, {0x16, 0}, {0x27, 0},
                                         {0x32, 10}, {0x14 | 16ull << 27, 0}}) {
    CAPTURE(words[0], words[1]);
    REQUIRE(error(decode(words)) == QueueError::reserved_field);
  }
  REQUIRE(error(decode({0x32, 9})) == QueueError::none);
  REQUIRE(error(decode({0x22, 10})) == QueueError::none);  // AM counts only where there is an address
  // A PASID's pages may be named with any mask: CAP.MAMV is about the second stage.
  const auto pages = std::get<PasidIotlbInvalidation>(decode({0x36, 0x1234'5000 | 63}));
  REQUIRE(pages.first() == 0);
  REQUIRE(pages.bytes() == 0);  // all there are
}

TEST_CASE("descriptors of features that are not there are of an invalid type") {
  Config config = everything();
  config.page_requests = false;
  REQUIRE(error(decode({0x9, 0}, kWide, config)) == QueueError::invalid_type);
  REQUIRE(error(decode({0x85, 0}, kWide, config)) == QueueError::reserved_field);  // PD
  config.device_tlbs = false;
  REQUIRE(error(decode({0x3, 0}, kWide, config)) == QueueError::invalid_type);
  REQUIRE(error(decode({0x8, 0}, kWide, config)) == QueueError::invalid_type);
  config.interrupt_remapping = false;
  REQUIRE(error(decode({0x4, 0}, kWide, config)) == QueueError::invalid_type);
}

TEST_CASE("PASID-based invalidations carry granularity, domain, PASID and pages") {
  const auto table = std::get<PasidCacheInvalidation>(decode({0x17 | 0xabcdull << 16 | 0x12345ull << 32, 0}));
  REQUIRE(table.granularity == PasidCacheGranularity::pasid);
  REQUIRE(table.domain == 0xabcd);
  REQUIRE(table.pasid == 0x12345);
  const auto pages = std::get<PasidIotlbInvalidation>(decode({0x36 | 0xabcdull << 16 | 0x12345ull << 32, 0x7654'3000 | 0x40 | 2}));
  REQUIRE(pages.granularity == PasidIotlbGranularity::page);
  REQUIRE(pages.domain == 0xabcd);
  REQUIRE(pages.pasid == 0x12345);
  REQUIRE(pages.leaf_only);
  REQUIRE(pages.first() == 0x7654'0000);
  REQUIRE(pages.bytes() == 0x4000);
}

TEST_CASE("device-TLB invalidations carry the device, its limit and the range, and PFSID only with ECAP.DIT") {
  Config config = everything();
  const descriptor::Words narrow{0x3 | 4ull << 16 | 0x0108ull << 32, 0x5000 | 1};
  auto d = std::get<DeviceTlbInvalidation>(decode(narrow, kNarrow, config));
  REQUIRE(d.source == 0x0108);
  REQUIRE(d.physical_function == 0x0108);
  REQUIRE(d.at_once == 4);
  REQUIRE(d.size);
  REQUIRE(d.address == 0x5000);
  REQUIRE_FALSE(d.has_pasid);
  const descriptor::Words wide{0x8 | 0x0108ull << 16 | 0x12345ull << 32, 0x5000 | 0x801};
  d = std::get<DeviceTlbInvalidation>(decode(wide));
  REQUIRE(d.source == 0x0108);
  REQUIRE(d.at_once == 32);
  REQUIRE(d.pasid == 0x12345);
  REQUIRE(d.global);
  REQUIRE(d.size);
  const std::uint64_t pf = 0x3ull << 12 | 0x010ull << 52;  // 01:00.3
  REQUIRE(error(decode({narrow[0] | pf, narrow[1]}, kNarrow, config)) == QueueError::reserved_field);
  config.device_tlb_throttle = true;
  REQUIRE(std::get<DeviceTlbInvalidation>(decode({narrow[0] | pf, narrow[1]}, kNarrow, config)).physical_function == 0x0103);
}

TEST_CASE("waits and page-group responses carry their fields") {
  const auto wait = std::get<InvalidationWait>(decode({0xf5 | 0x1234'5678ull << 32, 0x9004}));
  REQUIRE((wait.interrupt && wait.status_write && wait.fence && wait.drain_page_requests));
  REQUIRE(wait.status_data == 0x1234'5678);
  REQUIRE(wait.status_address == 0x9004);
  const auto response = std::get<PageGroupResponse>(decode({0x19 | 1ull << 12 | 0x0108ull << 16 | 0x12345ull << 32, 0x1ffull << 3 | 4}));
  REQUIRE(response.destination == 0x0108);
  REQUIRE(response.has_pasid);
  REQUIRE(response.pasid == 0x12345);
  REQUIRE(response.code == 1);
  REQUIRE(response.group == 0x1ff);
}
