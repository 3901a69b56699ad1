// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/cpu/vmcs.h"

#include <array>
#include <vector>

#include "models/cpu/vm_exit.h"
#include "test/support/catch.h"

using namespace iovirt::cpu;
namespace f = iovirt::cpu::vmcs_field;

namespace {

struct Region {
  std::array<std::uint8_t, Vmcs::kBytes> bytes{};
  Vmcs vmcs{bytes};
};

}  // namespace

TEST_CASE("every VMCS field keeps its own value at its own width") {
  Region r;
  std::vector<VmcsField> writable;
  for (VmcsField field = 0; field < 0x7000; field += 2)
    if (vmcs_layout::defined(field) && vmcs_layout::type_of(field) != vmcs_encoding::exit_information)
      writable.push_back(field);
  REQUIRE(writable.size() > 100);
  auto pattern = [](VmcsField field) { return 0x9e37'79b9'7f4a'7c15ull * (field + 1); };
  auto mask = [](VmcsField field) -> std::uint64_t {
    switch (vmcs_layout::width_of(field)) {
      case vmcs_encoding::bits16: return 0xffff;
      case vmcs_encoding::bits32: return 0xffff'ffff;
      default: return ~0ull;
    }
  };
  for (VmcsField field : writable) REQUIRE(r.vmcs.write(field, pattern(field)) == VmxError::none);
  for (VmcsField field : writable) {
    std::uint64_t value = 0;
    REQUIRE(r.vmcs.read(field, value) == VmxError::none);
    CAPTURE(field);
    REQUIRE(value == (pattern(field) & mask(field)));
  }
  REQUIRE(r.vmcs.revision() == 0);
  REQUIRE_FALSE(r.vmcs.launched());
}

TEST_CASE("the high half of a 64-bit field is reached by its odd encoding") {
  Region r;
  REQUIRE(r.vmcs.write(f::ept_pointer, 0x1111'2222'3333'4444) == VmxError::none);
  std::uint64_t value = 0;
  REQUIRE(r.vmcs.read(f::ept_pointer | 1, value) == VmxError::none);
  REQUIRE(value == 0x1111'2222);
  REQUIRE(r.vmcs.write(f::ept_pointer | 1, 0x0'5555'6666) == VmxError::none);
  REQUIRE(r.vmcs.get<f::ept_pointer>() == 0x5555'6666'3333'4444);
}

TEST_CASE("VMREAD and VMWRITE of a field that does not exist fail with error 12") {
  Region r;
  std::uint64_t value = 77;
  for (VmcsField field : {0x0004u, 0x2018u, 0x2026u, 0x482cu, 0x7000u, 0x0001u, 0x4001u, 0x8000u, 0x1'0000u, 0x1000u}) {
    CAPTURE(field);
    REQUIRE(r.vmcs.read(field, value) == VmxError::unsupported_field);
    REQUIRE(r.vmcs.write(field, 1) == VmxError::unsupported_field);
  }
  REQUIRE(value == 77);
}

TEST_CASE("software reads exit information but a VMWRITE to it fails with error 13") {
  Region r;
  record_exit(r.vmcs, {.reason = ExitReason::ept_violation, .qualification = 0x182, .guest_physical = 0xfeb0'0000});
  std::uint64_t value = 0;
  REQUIRE(r.vmcs.read(f::exit_reason, value) == VmxError::none);
  REQUIRE(value == 48);
  REQUIRE(r.vmcs.write(f::exit_reason, 1) == VmxError::read_only_field);
  REQUIRE(r.vmcs.write(f::guest_physical_address, 1) == VmxError::read_only_field);
  REQUIRE(r.vmcs.get<f::guest_physical_address>() == 0xfeb0'0000);
}

TEST_CASE("an exit ends an injection, a failed entry does not") {
  Region r;
  const std::uint32_t info = interruption::info(0x31, interruption::external);
  r.vmcs.set<f::entry_interruption_info>(info);
  record_exit(r.vmcs, {.reason = ExitReason::invalid_state, .qualification = 4, .entry_failure = true});
  REQUIRE(r.vmcs.get<f::exit_reason>() == 0x8000'0021);
  REQUIRE(r.vmcs.get<f::exit_qualification>() == 4);
  REQUIRE(r.vmcs.get<f::entry_interruption_info>() == info);
  record_exit(r.vmcs, {.reason = ExitReason::hlt, .instruction_length = instruction_length(ExitReason::hlt)});
  REQUIRE(r.vmcs.get<f::exit_reason>() == 12);
  REQUIRE(r.vmcs.get<f::exit_instruction_length>() == 1);
  REQUIRE_FALSE(interruption::valid::get(r.vmcs.get<f::entry_interruption_info>()));
}

TEST_CASE("a write that changes nothing keeps the entry checks' result, one that does drops it") {
  Region r;
  r.vmcs.set_verified(true);
  REQUIRE(r.vmcs.write(f::pin_controls, 0) == VmxError::none);
  REQUIRE(r.vmcs.write(f::entry_interruption_info, 0x8000'0031) == VmxError::none);
  REQUIRE(r.vmcs.write(f::guest_rip, 5) == VmxError::none);
  REQUIRE(r.vmcs.verified());
  REQUIRE(r.vmcs.write(f::pin_controls, 0x16) == VmxError::none);
  REQUIRE_FALSE(r.vmcs.verified());
}

TEST_CASE("exit reasons carry KVM's names") {
  REQUIRE(exit_reason_name(ExitReason::external_interrupt) == "EXTERNAL_INTERRUPT");
  REQUIRE(exit_reason_name(ExitReason::ept_misconfig) == "EPT_MISCONFIG");
  REQUIRE(exit_reason_name(ExitReason::msr_write) == "MSR_WRITE");
  REQUIRE(exit_reason_name(ExitReason::eoi_induced) == "EOI_INDUCED");
  REQUIRE(exit_reason_name(ExitReason::apic_write) == "APIC_WRITE");
  REQUIRE(static_cast<unsigned>(ExitReason::apic_write) == 56);
  REQUIRE(exit_reason_name(static_cast<ExitReason>(38)) == "UNKNOWN");
  REQUIRE(exit_reason_name(static_cast<ExitReason>(900)) == "UNKNOWN");
}
