// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/translate/tenant_mix.h"

#include <stdexcept>
#include <string>
#include <vector>

namespace iovirt::platform {
namespace {

/// splitmix64
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e37'79b9'7f4a'7c15);
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t limit) { return (next() >> 32) * limit >> 32; }
  double fraction() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

struct Tenant {
  std::uint32_t page = 0;
  std::uint32_t in_page = 0;
  std::uint32_t turn = 0;
};

[[noreturn]] void refuse(const std::string& key, const std::string& expected) { throw std::invalid_argument(key + ": expected " + expected); }

}  // namespace

void TenantMix::validate() const {
  if (std::uint64_t{first_requester} + tenants + idle_tenants > 65536) refuse("tenants", "first_requester and all tenants within 65536 requester ids");
  if (first_address % 4096 != 0) refuse("first_address", "a multiple of 4096");
  const std::uint64_t span = static_cast<std::uint64_t>(pages) * page_bytes + size_bytes;
  if (first_address > 1ull << 56 || (spacing_bytes != 0 && spacing_bytes > (1ull << 56) / (tenants + idle_tenants)) || span > 1ull << 56)
    refuse("first_address", "working sets below 2^57");
  if (size_bytes > page_bytes) refuse("size_bytes", "at most page_bytes");
}

void TenantMix::generate(const std::function<void(const AccessRecord&)>& sink) const {
  Random random(seed);
  std::vector<Tenant> state(tenants);
  const Ps interval = ns_to_ps(interval_ns);
  Ps now = 0;
  const auto base = [&](std::uint64_t tenant) { return first_address + tenant * spacing_bytes; };
  AccessRecord record;
  record.bytes = size_bytes;
  for (std::uint32_t i = 0; i < idle_tenants; ++i) {
    record.time = now;
    record.requester = static_cast<std::uint16_t>(first_requester + tenants + i);
    record.address = base(tenants + i);
    record.pasid = pasids == 0 ? kNoTracePasid : 1;
    record.write = false;
    sink(record);
    now += interval;
  }
  std::uint32_t turn = 0;
  for (std::uint64_t done = 0; done < requests;) {
    const auto who = order == TenantOrder::round_robin ? turn : static_cast<std::uint32_t>(random.below(tenants));
    if (++turn == tenants) turn = 0;
    for (std::uint32_t i = 0; i < burst && done < requests; ++i, ++done) {
      Tenant& tenant = state[who];
      if (tenant.in_page == accesses_per_page || (tenant.turn == 0 && tenant.in_page == 0)) {
        tenant.in_page = 0;
        const std::uint32_t hot = pages / 5 + (pages < 5);
        if (pattern == PagePattern::sequential)
          tenant.page = tenant.turn == 0 ? 0 : (tenant.page + 1) % pages;
        else if (pattern == PagePattern::random || random.below(5) == 0)
          tenant.page = static_cast<std::uint32_t>(random.below(pages));
        else
          tenant.page = static_cast<std::uint32_t>(random.below(hot));
      }
      // Where in the page: one access after the other, as far as they fit.
      const std::uint64_t fit = page_bytes / size_bytes;
      record.time = now;
      record.requester = static_cast<std::uint16_t>(first_requester + who);
      record.address = base(who) + tenant.page * page_bytes + tenant.in_page % fit * size_bytes;
      record.pasid = pasids == 0 ? kNoTracePasid : 1 + tenant.turn % pasids;
      record.write = write_share > 0 && random.fraction() < write_share;
      sink(record);
      ++tenant.in_page;
      ++tenant.turn;
      now += interval;
    }
  }
}

}  // namespace iovirt::platform
