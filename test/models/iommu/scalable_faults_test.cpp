// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Scalable mode: one directed test for each fault reason of root, context and PASID tables, reached through memory.

#include "test/support/catch.h"
#include "test/support/iommu_fault_rig.h"

using namespace iovirt;
using namespace iovirt::iommu;
using namespace iovirt::test;
using R = FaultReason;

namespace {

constexpr auto kDevice = FaultRig::kDevice;
constexpr auto kPasid = FaultRig::kPasid;
constexpr auto kIova = FaultRig::kIova;

}  // namespace

// -- 30 to 33: the translation table mode ----------------------------------------------------------------------------

TEST_CASE("a reserved translation table mode faults every request with reason 30") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage());
  rig.write(reg::kRTADDR, rig.scalable_tables.root() | 0x800, 8);
  rig.write(reg::kGCMD, rig.read(reg::kGSTS) | reg::gcmd::kSRTP);
  rig.require_fault(R::root_table_mode_invalid);
}

TEST_CASE("a request with PASID faults with reason 31 in legacy mode") {
  FaultRig rig;
  rig.write(reg::kRTADDR, rig.tables.root(), 8);
  rig.write(reg::kGCMD, rig.read(reg::kGSTS) | reg::gcmd::kSRTP);
  rig.IommuRig::add_device(kDevice);
  rig.require_fault(R::pasid_in_legacy_mode);
}

TEST_CASE("a page request faults with reason 32 in legacy mode") {
  FaultRig rig;
  rig.write(reg::kRTADDR, rig.tables.root(), 8);
  rig.write(reg::kGCMD, rig.read(reg::kGSTS) | reg::gcmd::kSRTP);
  rig.IommuRig::add_device(kDevice);
  Request request;
  request.source = kDevice;
  request.address = kIova;
  request.page_request = true;
  REQUIRE(rig.dma(request) == R::page_request_in_legacy_mode);
  rig.require_recorded(R::page_request_in_legacy_mode, false);
}

TEST_CASE("abort mode blocks every request with reason 33, or is reserved where it does not exist") {
  Config config;
  R expected = R::dma_aborted;
  SECTION("with ECAP.ADMS") {}
  SECTION("without") {
    config.abort_dma = false;
    expected = R::root_table_mode_invalid;
  }
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, rig.second_stage());
  REQUIRE(rig.dma(kDevice, kIova, false, kPasid) == R::none);  // cached, and blocked nevertheless
  rig.write(reg::kRTADDR, rig.scalable_tables.root() | 0xc00, 8);
  rig.write(reg::kGCMD, rig.read(reg::kGSTS) | reg::gcmd::kSRTP);
  rig.require_fault(expected);
}

// -- 38 to 3A: root entries --------------------------------------------------------------------------------------------

TEST_CASE("a scalable root entry that memory does not answer faults with reason 38") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage(), {.fault_processing_disabled = true});
  rig.memory.break_at(rig.scalable_tables.root());
  rig.require_fault(R::scalable_root_access);
}

TEST_CASE("a scalable root entry whose half is not present faults with reason 39") {
  FaultRig rig;
  rig.add_device(kDevice | 0x80, kPasid, rig.second_stage());
  rig.require_fault(R::scalable_root_not_present);
}

TEST_CASE("a reserved bit in a scalable root entry's half faults with reason 3A, in the other half not") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage());
  const auto at = rig.scalable_tables.root_entry(kDevice);
  SECTION("low bits") { rig.flip(at, 1 << 5); }
  SECTION("above the host address width") { rig.flip(at, 1ull << 46); }
  SECTION("the other half") {
    rig.flip(at + 8, 1 << 5 | 1);
    REQUIRE(rig.dma(kDevice, kIova, false, kPasid) == R::none);
    return;
  }
  rig.require_fault(R::scalable_root_reserved);
}

// -- 40 to 48: context entries -----------------------------------------------------------------------------------------

TEST_CASE("a scalable context entry that memory does not answer faults with reason 40") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage(), {.fault_processing_disabled = true});
  rig.memory.break_at(rig.scalable_tables.context_entry(kDevice));
  rig.require_fault(R::scalable_context_access);
}

TEST_CASE("a scalable context entry that is not present faults with reason 41, qualified by its FPD") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage());
  const auto at = rig.scalable_tables.context_entry(kDevice);
  rig.flip(at, 1);
  SECTION("recorded") { rig.require_fault(R::scalable_context_not_present); }
  SECTION("suppressed") {
    rig.flip(at, 2);
    rig.require_suppressed(R::scalable_context_not_present);
  }
}

TEST_CASE("a reserved field of a scalable context entry faults with reason 42, qualified by its FPD") {
  Config config;
  unsigned word = 0;
  std::uint64_t bits = 0;
  const bool suppressed = GENERATE(false, true);
  SECTION("bits 8:5") { bits = 1 << 6; }
  SECTION("a directory above the host address width") { bits = 1ull << 46; }
  SECTION("second word") { word = 1, bits = 1 << 21; }
  SECTION("third word") { word = 2, bits = 1; }
  SECTION("fourth word") { word = 3, bits = 1ull << 63; }
  SECTION("DTE without device-TLBs") { bits = 1 << 2; }
  SECTION("PRE without page requests") { bits = 1 << 4; }
  SECTION("PASIDE without PASIDs") {
    config.pasid_bits = 0;  // and PASIDE set by default
  }
  SECTION("RID_PRIV without supervisor requests") {
    config.supervisor_requests = false;
    word = 1, bits = 1 << 20;
  }
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, rig.second_stage(), {.fault_processing_disabled = suppressed});
  rig.flip(rig.scalable_tables.context_entry(kDevice) + 8 * word, bits);
  if (suppressed)
    rig.require_suppressed(R::scalable_context_reserved);
  else
    rig.require_fault(R::scalable_context_reserved);
}

TEST_CASE("page requests of a device without device-TLB, or a RID_PASID beyond the directory, fault with reason 43") {
  Config config;
  config.device_tlbs = config.page_requests = true;
  FaultRig rig(config);
  SECTION("PRE without DTE") { rig.add_device(kDevice, kPasid, rig.second_stage(), {.page_requests = true}); }
  SECTION("RID_PASID") { rig.add_device(kDevice, kPasid, rig.second_stage(), {.directory_size = 2, .rid_pasid = 1 << 15}); }
  rig.require_fault(R::scalable_context_invalid);
}

TEST_CASE("translation and translated requests fault with reason 44 while DTE is 0") {
  Config config;
  config.device_tlbs = true;
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, rig.second_stage());
  Request request;
  request.source = kDevice;
  request.address = kIova;
  request.pasid = kPasid;
  SECTION("translation request") { request.address_type = 1; }
  SECTION("translated request") { request.address_type = 2; }
  REQUIRE(rig.dma(request) == R::device_tlb_disabled);
  rig.require_recorded(R::device_tlb_disabled, true);
  REQUIRE(reg::record::AT::get(rig.record_high()) == request.address_type);
  REQUIRE(rig.dma(request) == R::device_tlb_disabled);  // from the context cache
}

TEST_CASE("a request with PASID faults with reason 45 while PASIDE is 0") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage(), {.pasids = false});
  rig.require_fault(R::pasids_disabled);
}

TEST_CASE("a PASID beyond the directory faults with reason 46, one beyond ECAP.PSS with 89") {
  Config config;
  ScalableContextFields fields;
  R expected = R::pasid_too_large;
  SECTION("directory of 2^7 entries") { fields.directory_size = 0; }
  SECTION("PSS") {
    config.pasid_bits = 16;
    expected = R::pasid_beyond_supported;
  }
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, rig.second_stage(), fields);
  rig.require_fault(expected);
}

TEST_CASE("a page request faults with reason 47 while PRE is 0, and else needs a PASID-table entry but no page") {
  Config config;
  config.device_tlbs = config.page_requests = true;
  FaultRig rig(config);
  Request request;
  request.source = kDevice;
  request.address = kIova;
  request.page_request = true;
  SECTION("PRE 0") {
    rig.add_device(kDevice, kPasid, rig.second_stage(), {.device_tlb = true});
    REQUIRE(rig.dma(request) == R::page_requests_disabled);
    rig.require_recorded(R::page_requests_disabled, false);
  }
  SECTION("PRE 1") {
    rig.add_device(kDevice, kPasid, rig.second_stage(), {.device_tlb = true, .page_requests = true});
    REQUIRE(rig.dma(request) == R::pasid_directory_not_present);  // without PASID: of RID_PASID
    request.pasid = kPasid;
    request.address = 0x5555'5000;  // not mapped
    REQUIRE(rig.dma(request) == R::none);
    rig.flip(rig.scalable_tables.pasid_entry(kDevice, kPasid), 1);
    rig.submit(invalidate_pasids());
    REQUIRE(rig.dma(request) == R::pasid_not_present);
  }
  SECTION("its record says what it was") {
    rig.add_device(kDevice, kPasid, rig.second_stage(), {.device_tlb = true});
    request.write = true;  // as messages are
    REQUIRE(rig.dma(request) == R::page_requests_disabled);
    REQUIRE(reg::record::T::get(rig.record_high()) == 0);
    REQUIRE(reg::record::T2::get(rig.record_high()) == 1);
  }
}

TEST_CASE("a PASID that is its requester's RID_PASID faults with reason 48") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage(), {.rid_pasid = kPasid});
  rig.require_fault(R::rid_pasid_invalid);
  REQUIRE(rig.dma(kDevice, kIova) == R::none);
}

// -- 50 to 5D: PASID directory and table -------------------------------------------------------------------------------

TEST_CASE("a PASID-directory entry that memory does not answer faults with reason 50, which FPD does not suppress") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage(), {.fault_processing_disabled = GENERATE(false, true)});
  rig.memory.break_at(rig.scalable_tables.directory_entry(kDevice, kPasid));
  rig.require_fault(R::pasid_directory_access);
}

TEST_CASE("a PASID-directory entry that is not present faults with reason 51, qualified by its or the context's FPD") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage());
  rig.flip(rig.scalable_tables.directory_entry(kDevice, kPasid), 1);
  SECTION("recorded") { rig.require_fault(R::pasid_directory_not_present); }
  SECTION("suppressed by its own") {
    rig.flip(rig.scalable_tables.directory_entry(kDevice, kPasid), 2);
    rig.require_suppressed(R::pasid_directory_not_present);
  }
  SECTION("suppressed by the context's") {
    rig.flip(rig.scalable_tables.context_entry(kDevice), 2);
    rig.require_suppressed(R::pasid_directory_not_present);
  }
}

TEST_CASE("a reserved bit in a PASID-directory entry faults with reason 52") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage());
  const auto at = rig.scalable_tables.directory_entry(kDevice, kPasid);
  SECTION("bits 11:2") { rig.flip(at, 1 << 11); }
  SECTION("above the host address width") { rig.flip(at, 1ull << 63); }
  rig.require_fault(R::pasid_directory_reserved);
}

TEST_CASE("a PASID-table entry that memory does not answer faults with reason 58, which FPD does not suppress") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage(), {.fault_processing_disabled = GENERATE(false, true)});
  rig.memory.break_at(rig.scalable_tables.pasid_entry(kDevice, kPasid));
  rig.require_fault(R::pasid_table_access);
}

TEST_CASE("a PASID-table entry that is not present faults with reason 59, qualified by any FPD on the way") {
  FaultRig rig;
  rig.add_device(kDevice, kPasid, rig.second_stage());
  rig.flip(rig.scalable_tables.pasid_entry(kDevice, kPasid), 1);
  SECTION("recorded") { rig.require_fault(R::pasid_not_present); }
  SECTION("suppressed by its own") {
    rig.flip(rig.scalable_tables.pasid_entry(kDevice, kPasid), 2);
    rig.require_suppressed(R::pasid_not_present);
  }
  SECTION("suppressed by the directory's") {
    rig.flip(rig.scalable_tables.directory_entry(kDevice, kPasid), 2);
    rig.require_suppressed(R::pasid_not_present);
  }
}

TEST_CASE("a reserved field of a PASID-table entry faults with reason 5A") {
  Config config;
  unsigned word = 0;
  std::uint64_t bits = 0;
  bool first = false;
  SECTION("bit 5") { bits = 1 << 5; }
  SECTION("bits 11:10") { bits = 1 << 10; }
  SECTION("a second-stage table above the host address width") { bits = 1ull << 46; }
  SECTION("a first-stage table above the host address width") { first = true, word = 2, bits = 1ull << 46; }
  SECTION("SSADE without ECAP.SSADS") { config.second_stage_dirty = false, bits = 1 << 9; }
  SECTION("second word, above the domain id") { word = 1, bits = 1 << 16; }
  SECTION("second word, memory types") { word = 1, bits = 1ull << 32; }
  SECTION("PGSNP without snoop control") { config.snoop_control = false, word = 1, bits = 1 << 24; }
  SECTION("PWSNP without ECAP.SMPWCS") { config.page_walk_snoop = false; }
  SECTION("SRE without ECAP.SRS") { config.supervisor_requests = false, word = 2, bits = 1; }
  SECTION("ERE without ECAP.ERS") { config.execute_requests = false, word = 2, bits = 2; }
  SECTION("a first-stage table above the host address width, which is not used") { word = 2, bits = 1ull << 46; }
  SECTION("a second-stage table without ECAP.SSTS") {
    config.second_stage = config.nested_translation = config.second_stage_dirty = false;
    first = true, bits = 0x20'0000;
  }
  SECTION("WPE without ECAP.FSTS") {
    config.first_stage = config.nested_translation = false;
    word = 2, bits = 1 << 4;
  }
  SECTION("EAFE without ECAP.EAFS") { config.extended_accessed = false, word = 2, bits = 1 << 7; }
  SECTION("third word, bits 11:8") { word = 2, bits = 1 << 8; }
  SECTION("fourth word") { word = 3, bits = 1; }
  SECTION("last word") { word = 7, bits = 1ull << 63; }
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, first ? rig.first_stage() : rig.second_stage());
  rig.flip(rig.scalable_tables.pasid_entry(kDevice, kPasid) + 8 * word, bits);
  rig.require_fault(R::pasid_reserved);
}

TEST_CASE("a PASID-table entry that no such hardware supports faults with reason 5B") {
  Config config;
  PasidFields fields{.second_table = 0x20'0000, .first_table = 0x20'0000};
  SECTION("type 0") { fields.type = 0; }
  SECTION("a reserved type") { fields.type = 5; }
  SECTION("nested without ECAP.NEST") {
    config.nested_translation = false;
    fields.type = 3;
  }
  SECTION("pass-through without ECAP.PT") {
    config.pass_through = false;
    fields.type = 4;
  }
  SECTION("an address width that is not in SAGAW") { fields.second_levels = 5; }
  SECTION("5-level first-stage tables without CAP.FS5LP") {
    fields.type = 1;
    fields.first_levels = 5;
  }
  SECTION("a nested first-stage table beyond the second stage's width") {
    fields.type = 3;
    fields.second_levels = 3;
    fields.first_table = 1ull << 39;
  }
  SECTION("a reserved paging mode") {
    config.first_stage_five_level = true;
    fields.type = 3;
    fields.first_levels = 6;
  }
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, fields);
  rig.require_fault(R::pasid_invalid);
}

TEST_CASE("fields of a PASID-table entry that its type does not use are ignored") {
  FaultRig rig;
  PasidFields fields;
  SECTION("the width of a pass-through entry") { fields = {.type = 4, .second_levels = 3}; }
  SECTION("and of a first-stage one") {
    fields = rig.first_stage();
    fields.second_levels = 7;
  }
  SECTION("SSADE of a first-stage entry") {
    fields = rig.first_stage();
    fields.second_dirty = true;
  }
  SECTION("NXE and SMEP, which other hardware has given up") {
    fields = rig.second_stage();
    fields.first_flags = 0x60;
  }
  rig.add_device(kDevice, kPasid, fields);
  REQUIRE(rig.dma(FaultRig::request()) == R::none);
}

TEST_CASE("the types of tables that an IOMMU does not have fault with reason 5B, or with 5A for their fields") {
  Config config;
  PasidFields fields{.second_table = 0, .second_levels = 2, .first_table = 0};  // AW 0
  SECTION("first-stage without ECAP.FSTS") {
    config.first_stage = config.nested_translation = false;
    fields.type = 1;
  }
  SECTION("second-stage without ECAP.SSTS") {
    config.second_stage = config.nested_translation = config.second_stage_dirty = false;
    fields.type = 2;
  }
  FaultRig rig(config);
  rig.add_device(kDevice, kPasid, fields);
  rig.require_fault(R::pasid_invalid);
}

TEST_CASE("a request to execute faults with reason 5C while ERE is 0, one with privilege with 5D while SRE is 0") {
  FaultRig rig;
  const auto type = GENERATE(1, 2, 4);
  rig.add_device(kDevice, kPasid, type == 1 ? rig.first_stage() : type == 2 ? rig.second_stage() : PasidFields{.type = 4});
  Request request;
  request.source = kDevice;
  request.address = kIova;
  request.pasid = kPasid;
  R expected = R::execute_requests_disabled;
  SECTION("execute") { request.execute = true; }
  SECTION("privileged") {
    request.privileged = true;
    expected = R::supervisor_requests_disabled;
  }
  REQUIRE(rig.dma(request) == expected);
  rig.require_recorded(expected, true);
  REQUIRE(reg::record::EXE::get(rig.record_high()) == (request.execute ? 1u : 0u));
  REQUIRE(reg::record::PRIV::get(rig.record_high()) == (request.privileged ? 1u : 0u));
  REQUIRE(rig.dma(request) == expected);  // from the PASID cache
}
