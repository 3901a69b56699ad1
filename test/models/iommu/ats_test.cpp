// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The parts of ATS and PRI that need no bus: encodings, tags and completions, the page-request queue.

#include "models/iommu/ats.h"
#include "models/iommu/ats_spec.h"
#include "models/iommu/device_tlbs.h"
#include "models/iommu/page_requests.h"
#include "models/iommu/registers_spec.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::iommu;
namespace tc = translation_completion;

namespace {

constexpr std::uint64_t completion(std::uint32_t tags, unsigned count = 1) {
  return invalidate_completion::Tags::of(tags) | invalidate_completion::Count::of(count);
}

struct Queue {
  Queue() : faults(bank, config), requests(bank, config, faults) {
    bank.write(reg::kPECTL, 4, 0);
    bank.write(reg::kPQA, 8, 0x10'0000);
  }
  static Config with_page_requests() {
    Config c;
    c.scalable_mode = c.device_tlbs = c.page_requests = true;
    return c;
  }
  const Config config = with_page_requests();
  RegisterBank bank{"iommu"};
  FaultLog faults;
  PageRequestQueue requests;
};

}  // namespace

TEST_CASE("sizes travel in the low address bits") {
  REQUIRE(ats_range(0x1234'5000, 4096).address == 0x1234'5000);
  REQUIRE_FALSE(ats_range(0x1234'5000, 4096).size);
  REQUIRE(ats_range(0x1234'4000, 8192).address == 0x1234'4000);
  REQUIRE(ats_range(0x1234'4000, 8192).size);
  REQUIRE(ats_range(0x4020'0000, 2 << 20).address == 0x402f'f000);
  REQUIRE(ats_range(0x4000'0000, 1 << 30).address == 0x5fff'f000);
  for (unsigned shift = 12; shift < 63; ++shift) {
    const AtsRange range = ats_range(0, 1ull << shift);
    REQUIRE(ats_range_bytes(range.address, range.size) == 1ull << shift);
  }
  REQUIRE(ats_range_bytes(0xffff'ffff'ffff'f000, true) == 0);
  REQUIRE(ats_range_bytes(0x7fff'ffff'ffff'f000, true) == 0);  // 2^64
}

TEST_CASE("a translation completion carries address, size and the rights that were asked for") {
  Request request;
  Translation translation{.address = 0x4023'4567, .page_bytes = 2 << 20};
  std::uint64_t entry = translation_completion_of(request, translation);
  REQUIRE(tc::Address::in_place(entry) == 0x402f'f000);
  REQUIRE((tc::S::get(entry) && tc::R::get(entry) && tc::W::get(entry)));
  REQUIRE((entry & (tc::U::mask | tc::Exe::mask | tc::Priv::mask | tc::Global::mask | tc::N::mask)) == 0);
  request.no_write = true;
  REQUIRE_FALSE(tc::W::get(translation_completion_of(request, translation)));
  request.no_write = false;
  SECTION("nothing at all without rights") {
    translation.readable = translation.writable = false;
    REQUIRE(translation_completion_of(request, translation) == 0);
  }
  SECTION("what passes through gets its own page back") {
    translation = {.address = 0x7777'7123, .page_bytes = 0};
    REQUIRE(translation_completion_of(request, translation) == (0x7777'7000 | 3));
  }
  SECTION("Execute, Privileged and Global belong to a PASID") {
    translation.executable = translation.global = true;
    request.execute = request.privileged = true;
    REQUIRE((translation_completion_of(request, translation) & 0x38) == 0);
    request.pasid = 5;
    REQUIRE((translation_completion_of(request, translation) & 0x38) == 0x38);
    request.execute = request.privileged = false;
    REQUIRE((translation_completion_of(request, translation) & 0x38) == 0x20);
  }
}

TEST_CASE("invalidate requests take tags in turn, and as many at once as the device and the tags allow") {
  DeviceTlbs tlbs;
  DeviceTlbInvalidation two{.source = 0x100, .physical_function = 0x100, .at_once = 2, .address = 0x5000};
  REQUIRE(tlbs.begin(two)->tag == 0);
  REQUIRE(tlbs.begin(two)->tag == 1);
  REQUIRE_FALSE(tlbs.begin(two));
  DeviceTlbInvalidation other{.source = 0x200, .physical_function = 0x200};
  REQUIRE(tlbs.begin(other)->tag == 2);
  REQUIRE(tlbs.completion(0x100, completion(1)));
  REQUIRE(tlbs.begin(two)->tag == 3);
  while (tlbs.begin(other)) {
  }
  REQUIRE(tlbs.outstanding() == ~0u);
  REQUIRE(tlbs.completion(0x200, completion(1u << 2)));
  REQUIRE(tlbs.begin(other)->tag == 2);
  SECTION("a virtual function counts on its physical function's account") {
    DeviceTlbs fresh;
    REQUIRE(fresh.begin({.source = 0x110, .physical_function = 0x100, .at_once = 1}));
    REQUIRE_FALSE(fresh.begin({.source = 0x112, .physical_function = 0x100, .at_once = 1}));
  }
}

TEST_CASE("a request is complete when every completion that it has been promised has come") {
  DeviceTlbs tlbs;
  const DeviceTlbInvalidation invalidation{.source = 0x100, .physical_function = 0x100};
  static_cast<void>(tlbs.begin(invalidation));
  static_cast<void>(tlbs.begin(invalidation));
  REQUIRE(tlbs.completion(0x100, completion(0b11, 2)));
  REQUIRE(tlbs.outstanding() == 0b11);
  REQUIRE(tlbs.completion(0x100, completion(0b10, 2)));
  REQUIRE(tlbs.outstanding() == 0b01);
  SECTION("from the device it was sent to, with a tag that is out") {
    REQUIRE_FALSE(tlbs.completion(0x101, completion(0b01)));
    REQUIRE_FALSE(tlbs.completion(0x100, completion(0b10)));
    REQUIRE_FALSE(tlbs.completion(0x100, completion(0)));
    REQUIRE(tlbs.outstanding() == 0b01);
  }
  SECTION("0 stands for eight") {
    static_cast<void>(tlbs.begin(invalidation));  // tag 2
    for (int i = 0; i < 8; ++i) {
      REQUIRE(tlbs.outstanding() == 0b101);
      REQUIRE(tlbs.completion(0x100, completion(0b100, 0)));
    }
    REQUIRE(tlbs.outstanding() == 0b001);
  }
}

TEST_CASE("a page request lies in the queue in the specification's format") {
  const auto entry = PageRequestQueue::entry_of({.source = 0x0108, .pasid = 0x12345, .execute = true, .privileged = false,
                                                 .read = true, .write = false, .last = true, .group = 0x1f, .address = 0x7000});
  REQUIRE(entry[0] == (1ull | 1ull << 8 | 0x0108ull << 16 | 0x12345ull << 32 | 1ull << 52));
  REQUIRE(entry[1] == (0x7000ull | 0x1full << 3 | 1ull << 2 | 1ull));
  REQUIRE((entry[2] | entry[3]) == 0);
  const auto bare = PageRequestQueue::entry_of({.source = 0x0108, .execute = true, .write = true});
  REQUIRE(bare[0] == (1ull | 0x0108ull << 16));
  REQUIRE(bare[1] == 2);
}

TEST_CASE("the tail follows the entries in their order, whichever memory takes first") {
  Queue q;
  REQUIRE(*q.requests.place() == 0x10'0000);
  REQUIRE(*q.requests.place() == 0x10'0020);
  q.requests.written(0x10'0020);
  REQUIRE(q.bank.read(reg::kPQT, 8) == 0);
  REQUIRE(q.bank.read(reg::kPRS, 4) == 0);
  q.requests.written(0x10'0000);
  REQUIRE(q.bank.read(reg::kPQT, 8) == 0x40);
  REQUIRE(q.bank.read(reg::kPRS, 4) == reg::prs::kPPR);
  REQUIRE(q.requests.occupancy() == 2);
  REQUIRE(q.requests.take_event());
  REQUIRE_FALSE(q.requests.take_event());
  q.requests.written(*q.requests.place());
  REQUIRE_FALSE(q.requests.take_event());  // PPR was set already
  q.bank.write(reg::kPRS, 4, reg::prs::kPPR);
  q.requests.written(*q.requests.place());
  REQUIRE(q.requests.take_event());
}

TEST_CASE("a full page-request queue overflows, drops and says so until software clears PRO") {
  Queue q;
  for (int i = 0; i < 127; ++i) q.requests.written(*q.requests.place());
  static_cast<void>(q.requests.take_event());
  q.bank.write(reg::kPRS, 4, reg::prs::kPPR);
  REQUIRE_FALSE(q.requests.place());
  REQUIRE(q.bank.read(reg::kPRS, 4) == reg::prs::kPRO);
  REQUIRE((q.bank.read(reg::kFSTS, 4) & reg::fsts::kPRO) != 0);
  REQUIRE(q.requests.take_event());
  REQUIRE(q.requests.dropped_response() == PageResponseCode::success);
  q.bank.write(reg::kPQH, 8, 0x40);
  REQUIRE_FALSE(q.requests.place());  // room, but the overflow stands
  q.bank.write(reg::kPRS, 4, reg::prs::kPRO);
  q.requests.written(*q.requests.place());
  REQUIRE(q.bank.read(reg::kPQT, 8) == 0);  // it has wrapped
  q.bank.write(reg::kFSTS, 4, reg::fsts::kPRO);
  REQUIRE(q.bank.read(reg::kFSTS, 4) == 0);
  SECTION("placed entries count before memory has them") {
    REQUIRE(q.requests.place());
    REQUIRE_FALSE(q.requests.place());
  }
}

TEST_CASE("without a page-request queue a request fails") {
  Queue q;
  q.bank.write(reg::kPQA, 8, 0);
  REQUIRE_FALSE(q.requests.place());
  REQUIRE(q.bank.read(reg::kPRS, 4) == 0);
  REQUIRE(q.requests.dropped_response() == PageResponseCode::response_failure);
}

TEST_CASE("a page-request event that is masked is pending until unmasked or serviced") {
  Queue q;
  q.bank.write(reg::kPECTL, 4, reg::event::kIM);
  q.requests.written(*q.requests.place());
  REQUIRE(q.bank.read(reg::kPECTL, 4) == (reg::event::kIM | reg::event::kIP));
  REQUIRE_FALSE(q.requests.take_event());
  SECTION("unmasked") {
    q.bank.write(reg::kPECTL, 4, 0);
    REQUIRE(q.requests.take_event());
  }
  SECTION("serviced") {
    q.bank.write(reg::kPRS, 4, reg::prs::kPPR);
    REQUIRE(q.bank.read(reg::kPECTL, 4) == reg::event::kIM);
  }
}

TEST_CASE("only the last request of a group is answered, and a stop marker never") {
  REQUIRE_FALSE(PageRequestQueue::wants_response({.read = true}));
  REQUIRE(PageRequestQueue::wants_response({.read = true, .last = true}));
  REQUIRE(PageRequestQueue::wants_response({.write = true, .last = true}));
  REQUIRE_FALSE(PageRequestQueue::wants_response({.last = true}));
}
