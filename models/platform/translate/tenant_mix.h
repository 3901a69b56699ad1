// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Synthetic traces: many tenants, each with a function and a working set of its own.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include "lib/config_field.h"
#include "models/platform/translate/access_trace.h"

namespace iovirt::platform {

enum class TenantOrder : std::uint8_t { round_robin, random };
enum class PagePattern : std::uint8_t { sequential, random, hot };

struct TenantMix {
  std::uint32_t tenants = 16;
  std::uint64_t requests = 100'000;
  TenantOrder order = TenantOrder::round_robin;
  std::uint32_t burst = 1;
  std::uint32_t pages = 64;
  PagePattern pattern = PagePattern::sequential;
  std::uint32_t accesses_per_page = 1;
  std::uint64_t page_bytes = 4096;
  std::uint64_t first_address = 0x1000'0000;
  std::uint64_t spacing_bytes = 0;
  std::uint32_t size_bytes = 64;
  double write_share = 0.5;
  double interval_ns = 100;
  std::uint32_t idle_tenants = 0;
  std::uint32_t pasids = 0;
  std::uint32_t first_requester = 0x0100;
  std::uint64_t seed = 1;

  /// Throws std::invalid_argument naming the key.
  void validate() const;
  /// Record by record.
  void generate(const std::function<void(const AccessRecord&)>& sink) const;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("tenants", self.tenants, {.doc = "functions that make requests, each with a domain of its own", .min = 1, .max = 65535});
    visit("requests", self.requests, {.doc = "records of all of them together", .min = 1});
    visit("order", self.order, {.doc = "whose turn it is"});
    visit("burst", self.burst, {.doc = "records in a turn", .min = 1, .max = 1e6});
    visit("pages", self.pages, {.doc = "a tenant's working set", .min = 1, .max = 1 << 24});
    visit("pattern", self.pattern, {.doc = "which of its pages a tenant touches next; hot: four of five accesses go to a fifth of the pages"});
    visit("accesses_per_page", self.accesses_per_page, {.doc = "in a row, before the next page", .min = 1, .max = 1e6});
    visit("page_bytes", self.page_bytes, {.unit = "bytes", .doc = "distance of the pages of a working set", .min = 64, .max = 1 << 30});
    visit("first_address", self.first_address, {.doc = "where the first tenant's working set begins; a multiple of 4096"});
    visit("spacing_bytes", self.spacing_bytes, {.unit = "bytes", .doc = "from one tenant's working set to the next one's; 0: all at the same addresses"});
    visit("size_bytes", self.size_bytes, {.unit = "bytes", .doc = "of an access", .min = 1, .max = 1 << 20});
    visit("write_share", self.write_share, {.doc = "of the accesses", .min = 0, .max = 1});
    visit("interval_ns", self.interval_ns, {.unit = "ns", .doc = "from one record to the next", .min = 0, .max = 1e9});
    visit("idle_tenants", self.idle_tenants, {.doc = "further functions that make one request at the start and then none", .min = 0, .max = 65535});
    visit("pasids", self.pasids, {.doc = "address spaces of a tenant, taken in turn; 0: no PASID", .min = 0, .max = 1 << 20});
    visit("first_requester", self.first_requester, {.doc = "requester id of the first tenant; the others follow", .min = 0, .max = 65535});
    visit("seed", self.seed, {.doc = "of everything random"});
  }
};

}  // namespace iovirt::platform

template <>
struct iovirt::EnumNames<iovirt::platform::TenantOrder> {
  static constexpr std::pair<std::string_view, platform::TenantOrder> values[] = {
      {"round_robin", platform::TenantOrder::round_robin}, {"random", platform::TenantOrder::random}};
};
template <>
struct iovirt::EnumNames<iovirt::platform::PagePattern> {
  static constexpr std::pair<std::string_view, platform::PagePattern> values[] = {{"sequential", platform::PagePattern::sequential},
                                                                                 {"random", platform::PagePattern::random},
                                                                                 {"hot", platform::PagePattern::hot}};
};
