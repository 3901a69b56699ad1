// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The parts of ATS and PRI that need no bus: encodings, tags and completions, the page-request queue.

#include "models/iommu/ats.h"
#include "models/iommu/ats_spec.h"
#include "models/iommu/device_tlbs.h"
#include "models/iommu/fault_reasons_spec.h"
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
  Queue() : requests(bank, config) {
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
  constexpr std::uint64_t kLargest = 2 << 20;
  Request request;
  Translation translation{.address = 0x4023'4567, .page_bytes = 2 << 20};
  const auto completion_of = [&] { return translation_completion_of(request, translation, kLargest); };
  REQUIRE(tc::Address::in_place(completion_of()) == 0x402f'f000);
  REQUIRE((tc::S::get(completion_of()) && tc::R::get(completion_of()) && tc::W::get(completion_of())));
  REQUIRE((completion_of() & (tc::U::mask | tc::Exe::mask | tc::Priv::mask | tc::Global::mask | tc::N::mask)) == 0);
  SECTION("no right to write where none was asked for") {
    request.no_write = true;
    REQUIRE_FALSE(tc::W::get(completion_of()));
  }
  SECTION("N where accesses are to be snooped whatever they say") {
    translation.snoop = true;
    REQUIRE(tc::N::get(completion_of()));
  }
  SECTION("nothing at all without rights") {
    translation.readable = translation.writable = false;
    REQUIRE(completion_of() == 0);
    request.pasid = 5;
    request.privileged = true;
    REQUIRE(completion_of() == tc::Priv::mask);  // whose rights they would have been
  }
  SECTION("what passes through gets as large a region back as there are pages") {
    translation = {.address = 0x7777'7123, .page_bytes = 0};
    REQUIRE(completion_of() == (0x776f'f000 | tc::S::mask | 3));
    REQUIRE(translation_completion_of(request, translation, 4096) == (0x7777'7000 | 3));
  }
  SECTION("Execute and Privileged belong to a PASID, and Global is never set") {
    translation.executable = true;
    request.execute = request.privileged = true;
    REQUIRE((completion_of() & 0x38) == 0);
    request.pasid = 5;
    REQUIRE((completion_of() & 0x38) == 0x18);
    request.execute = request.privileged = false;
    REQUIRE((completion_of() & 0x38) == 0);
  }
  SECTION("interrupts are written with untranslated requests only, and not read") {
    translation = {.address = 0xfee0'1000, .page_bytes = 0, .readable = false, .untranslated_only = true};
    REQUIRE(completion_of() == (tc::U::mask | tc::W::mask));
    request.no_write = true;
    REQUIRE(completion_of() == 0);
  }
}

TEST_CASE("each fault condition gives a translation request the answer that the specification's table gives it") {
  // 7.1.3, table 30: Success without rights, Unsupported Request, Completer Abort. Conditions that no translation request
  // can meet are left out.
  const auto require_all = [](AtsAnswer answer, std::initializer_list<unsigned> reasons) {
    for (const unsigned reason : reasons) {
      CAPTURE(reason);
      REQUIRE(fault_name(static_cast<FaultReason>(reason)) != "none");
      REQUIRE(ats_answer(static_cast<FaultReason>(reason)) == answer);
      REQUIRE(ats_records(static_cast<FaultReason>(reason)) == (answer != AtsAnswer::no_rights || reason == 0x91));
    }
  };
  require_all(AtsAnswer::no_rights, {0x04, 0x05, 0x06, 0x51, 0x59, 0x5c, 0x5d, 0x70, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76, 0x77,
                                     0x79, 0x80, 0x81, 0x83, 0x84, 0x85, 0x86, 0x90, 0x91});
  require_all(AtsAnswer::unsupported, {0x01, 0x02, 0x0d, 0x31, 0x33, 0x39, 0x41, 0x44, 0x45, 0x46, 0x48, 0x89});
  require_all(AtsAnswer::completer_abort, {0x03, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0e, 0x30, 0x38, 0x3a, 0x40, 0x42, 0x43,
                                           0x50, 0x52, 0x58, 0x5a, 0x5b, 0x78, 0x7a, 0x7b, 0x7c, 0x7d, 0x87});
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
  REQUIRE(q.requests.take_event());
  q.bank.write(reg::kPQH, 8, 0x40);
  REQUIRE_FALSE(q.requests.place());  // room, but the overflow stands
  q.bank.write(reg::kPRS, 4, reg::prs::kPRO);
  q.requests.written(*q.requests.place());
  REQUIRE(q.bank.read(reg::kPQT, 8) == 0);  // it has wrapped
  SECTION("placed entries count before memory has them") {
    REQUIRE(q.requests.place());
    REQUIRE_FALSE(q.requests.place());
  }
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
