// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The matrix of vectors and priorities is that of kvm-unit-tests vmx_basic_vid_test.
#include "models/cpu/apicv.h"

#include <array>
#include <bit>

#include "test/support/catch.h"

using namespace iovirt::cpu;

namespace {

struct Virtual {
  alignas(8) std::array<std::uint8_t, kApicPageBytes> bytes{};
  alignas(8) std::array<std::uint8_t, kPostedDescriptorBytes> descriptor_bytes{};
  VirtualApic apic{bytes};
  PostedInterruptDescriptor descriptor{descriptor_bytes};
  VmControls controls;
  Virtual() {
    controls.primary = primary::use_tpr_shadow | primary::activate_secondary_controls;
    controls.secondary = secondary::virtualize_x2apic_mode | secondary::apic_register_virtualization |
                         secondary::virtual_interrupt_delivery;
  }
  unsigned in_service() {
    unsigned count = 0;
    for (std::uint32_t i = 0; i < 8; ++i)
      count += static_cast<unsigned>(std::popcount(apic.page().get(apic_reg::isr + i * 16)));
    return count;
  }
};

}  // namespace

TEST_CASE("every vector against every TPR: delivered exactly when its class is higher") {
  for (unsigned vector = 0x21; vector <= 0xff; ++vector)
    for (unsigned tpr = 0; tpr <= 0xff; ++tpr) {
      Virtual v;
      v.apic.write_tpr(static_cast<std::uint8_t>(tpr), v.controls);
      v.apic.self_ipi(static_cast<std::uint8_t>(vector));
      const bool expected = (vector >> 4) > (tpr >> 4);
      if (v.apic.recognised() != expected) FAIL("vector " << vector << " TPR " << tpr);
      if (!expected) {
        if (v.apic.rvi != vector || v.in_service() != 0) FAIL("kept: vector " << vector << " TPR " << tpr);
        continue;
      }
      if (v.apic.deliver() != vector || v.in_service() != 1 || v.apic.svi != vector || v.apic.rvi != 0 ||
          v.apic.vppr() != (vector & 0xf0) || v.apic.recognised())
        FAIL("taken: vector " << vector << " TPR " << tpr);
      const auto ended = v.apic.eoi(v.controls);
      if (ended.vector != vector || ended.exits || v.in_service() != 0 || v.apic.svi != 0 || v.apic.vppr() != tpr)
        FAIL("ended: vector " << vector << " TPR " << tpr);
    }
  SUCCEED();
}

TEST_CASE("virtual interrupts nest by class and unwind in order") {
  Virtual v;
  v.apic.self_ipi(0x41);
  REQUIRE(v.apic.deliver() == 0x41);
  v.apic.self_ipi(0x4f);
  REQUIRE_FALSE(v.apic.recognised());
  v.apic.self_ipi(0x81);
  REQUIRE(v.apic.recognised());
  REQUIRE(v.apic.deliver() == 0x81);
  REQUIRE(v.apic.rvi == 0x4f);
  REQUIRE(v.in_service() == 2);
  REQUIRE(v.apic.eoi(v.controls).vector == 0x81);
  REQUIRE(v.apic.svi == 0x41);
  REQUIRE_FALSE(v.apic.recognised());
  REQUIRE(v.apic.eoi(v.controls).vector == 0x41);
  REQUIRE(v.apic.recognised());
  REQUIRE(v.apic.deliver() == 0x4f);
  REQUIRE(v.apic.status() == 0x4f00);
}

TEST_CASE("lowering the TPR lets a waiting virtual interrupt through") {
  Virtual v;
  v.apic.write_tpr(0x60, v.controls);
  v.apic.self_ipi(0x61);
  REQUIRE_FALSE(v.apic.recognised());
  REQUIRE_FALSE(v.apic.write_tpr(0x5f, v.controls));
  REQUIRE(v.apic.vppr() == 0x5f);
  REQUIRE(v.apic.recognised());
}

TEST_CASE("an EOI exits exactly for the vectors in the EOI-exit bitmap") {
  for (unsigned vector = 0x10; vector <= 0xff; ++vector) {
    Virtual v;
    v.controls.eoi_exit_bitmap[vector / 64] = 1ull << vector % 64;
    v.apic.self_ipi(static_cast<std::uint8_t>(vector));
    v.apic.deliver();
    REQUIRE(v.apic.eoi(v.controls).exits);
    const auto other = static_cast<std::uint8_t>(vector == 0xff ? 0x10 : vector + 1);
    v.apic.self_ipi(other);
    v.apic.deliver();
    REQUIRE_FALSE(v.apic.eoi(v.controls).exits);
  }
}

TEST_CASE("without virtual-interrupt delivery a TPR write exits when it falls below the threshold") {
  Virtual v;
  v.controls.secondary = 0;
  v.controls.tpr_threshold = 6;
  REQUIRE_FALSE(v.apic.write_tpr(0x6f, v.controls));
  REQUIRE(v.apic.write_tpr(0x5f, v.controls));
  REQUIRE(v.apic.vtpr() == 0x5f);
  v.controls.tpr_threshold = 0;
  REQUIRE_FALSE(v.apic.write_tpr(0, v.controls));
}

TEST_CASE("a posted interrupt notifies once until it is taken") {
  Virtual v;
  v.descriptor.set_nv(0xf2);
  v.descriptor.set_ndst(0x0300);
  REQUIRE(v.descriptor.post(0x41));
  REQUIRE(v.descriptor.on());
  REQUIRE_FALSE(v.descriptor.post(0xe5));
  REQUIRE(v.descriptor.pir(1) == 2);
  REQUIRE(v.descriptor_bytes[34] == 0xf2);
  REQUIRE(v.descriptor_bytes[37] == 0x03);
  v.apic.take_posted(v.descriptor);
  REQUIRE_FALSE(v.descriptor.on());
  REQUIRE(v.descriptor.pir_empty());
  REQUIRE(v.apic.rvi == 0xe5);
  REQUIRE(v.apic.page().bit(apic_reg::irr, 0x41));
  REQUIRE(v.apic.page().bit(apic_reg::irr, 0xe5));
  REQUIRE(v.descriptor.nv() == 0xf2);
  REQUIRE(v.descriptor.post(0x42));
  v.apic.take_posted(v.descriptor);
  REQUIRE(v.apic.rvi == 0xe5);
}

TEST_CASE("a suppressed descriptor collects without notifying, and software finds it") {
  Virtual v;
  v.descriptor.set_sn(true);
  REQUIRE_FALSE(v.descriptor.post(0x51));
  REQUIRE_FALSE(v.descriptor.on());
  v.descriptor.set_sn(false);
  REQUIRE(v.descriptor.post(0x33));
  REQUIRE(sync_posted(v.descriptor, v.apic.page()) == 0x51);
  REQUIRE_FALSE(v.descriptor.on());
  REQUIRE(sync_posted(v.descriptor, v.apic.page()) == 0x51);
  Virtual none;
  REQUIRE(sync_posted(none.descriptor, none.apic.page()) == -1);
}

TEST_CASE("every vector survives posting") {
  for (unsigned vector = 0; vector < 256; ++vector) {
    Virtual v;
    v.descriptor.post(static_cast<std::uint8_t>(vector));
    v.apic.take_posted(v.descriptor);
    REQUIRE(v.apic.rvi == vector);
    REQUIRE(v.apic.page().highest(apic_reg::irr) == static_cast<int>(vector));
  }
}

TEST_CASE("x2APIC writes that need no exit are TPR, EOI and self-IPI, with their reserved bits checked") {
  Virtual v;
  REQUIRE(virtualize_wrmsr(0x808, 0x20, v.controls) == WrmsrVirtual::tpr);
  REQUIRE(virtualize_wrmsr(0x808, 0x120, v.controls) == WrmsrVirtual::general_protection);
  REQUIRE(virtualize_wrmsr(0x80b, 0, v.controls) == WrmsrVirtual::eoi);
  REQUIRE(virtualize_wrmsr(0x80b, 1, v.controls) == WrmsrVirtual::general_protection);
  REQUIRE(virtualize_wrmsr(0x83f, 0x31, v.controls) == WrmsrVirtual::self_ipi);
  REQUIRE(virtualize_wrmsr(0x83f, 0x0f, v.controls) == WrmsrVirtual::apic_write);
  REQUIRE(virtualize_wrmsr(0x83f, 0x131, v.controls) == WrmsrVirtual::general_protection);
  REQUIRE(virtualize_wrmsr(0x830, 0x31, v.controls) == WrmsrVirtual::physical);
  REQUIRE(virtualize_wrmsr(0x6e0, 1, v.controls) == WrmsrVirtual::physical);
  v.controls.secondary = secondary::virtualize_x2apic_mode;
  REQUIRE(virtualize_wrmsr(0x808, 0x20, v.controls) == WrmsrVirtual::tpr);
  REQUIRE(virtualize_wrmsr(0x80b, 0, v.controls) == WrmsrVirtual::physical);
  v.controls.secondary = 0;
  REQUIRE(virtualize_wrmsr(0x808, 0x20, v.controls) == WrmsrVirtual::physical);
}

TEST_CASE("x2APIC reads come from the page with APIC-register virtualization, else only the TPR") {
  Virtual v;
  v.apic.page().set(apic_reg::icr_low, 0x000c'00f1);
  v.apic.page().set(apic_reg::icr_low + 4, 7);
  REQUIRE(virtualize_rdmsr(0x830, v.controls) == RdmsrVirtual::page);
  REQUIRE(x2apic_page_value(v.apic.page(), 0x830) == 0x7'000c'00f1);
  REQUIRE(virtualize_rdmsr(0x8ff, v.controls) == RdmsrVirtual::page);
  REQUIRE(virtualize_rdmsr(0x900, v.controls) == RdmsrVirtual::physical);
  v.controls.secondary = secondary::virtualize_x2apic_mode;
  REQUIRE(virtualize_rdmsr(0x808, v.controls) == RdmsrVirtual::page);
  REQUIRE(virtualize_rdmsr(0x802, v.controls) == RdmsrVirtual::physical);
}

TEST_CASE("accesses to the APIC-access page exit or not by register, width and control") {
  Virtual v;
  v.controls.secondary = secondary::virtualize_apic_accesses;
  REQUIRE(virtualize_apic_read(apic_reg::tpr, 4, v.controls) == ApicRead::page);
  REQUIRE(virtualize_apic_read(apic_reg::isr, 4, v.controls) == ApicRead::exit);
  REQUIRE(virtualize_apic_write(apic_reg::eoi, 4, 0, v.controls) == ApicPageWrite::exit);
  REQUIRE(virtualize_apic_write(apic_reg::tpr, 4, 0, v.controls) == ApicPageWrite::tpr);

  v.controls.secondary |= secondary::apic_register_virtualization;
  REQUIRE(virtualize_apic_read(apic_reg::isr + 0x70, 4, v.controls) == ApicRead::page);
  REQUIRE(virtualize_apic_read(apic_reg::isr + 2, 4, v.controls) == ApicRead::exit);
  REQUIRE(virtualize_apic_read(apic_reg::isr, 8, v.controls) == ApicRead::exit);
  REQUIRE(virtualize_apic_read(apic_reg::ppr, 4, v.controls) == ApicRead::exit);
  REQUIRE(virtualize_apic_read(apic_reg::current_count, 4, v.controls) == ApicRead::exit);
  REQUIRE(virtualize_apic_write(apic_reg::icr_high, 4, 0, v.controls) == ApicPageWrite::page);
  REQUIRE(virtualize_apic_write(apic_reg::eoi, 4, 0, v.controls) == ApicPageWrite::apic_write);
  REQUIRE(virtualize_apic_write(apic_reg::isr, 4, 0, v.controls) == ApicPageWrite::exit);

  v.controls.secondary |= secondary::virtual_interrupt_delivery;
  REQUIRE(virtualize_apic_write(apic_reg::eoi, 4, 0, v.controls) == ApicPageWrite::eoi);
  REQUIRE(virtualize_apic_write(apic_reg::icr_low, 4, 0x0004'0031, v.controls) == ApicPageWrite::self_ipi);
  for (std::uint32_t not_plain : {0x0000'0031u, 0x000c'0031u, 0x0004'000fu, 0x0004'0431u, 0x0004'8031u, 0x0014'0031u})
    REQUIRE(virtualize_apic_write(apic_reg::icr_low, 4, not_plain, v.controls) == ApicPageWrite::apic_write);
  v.controls.primary = primary::activate_secondary_controls;
  REQUIRE(virtualize_apic_read(apic_reg::tpr, 4, v.controls) == ApicRead::exit);
}
