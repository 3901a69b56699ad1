// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// VMCS field encodings (Intel SDM volume 3, appendix B): the fields of the features this processor model has.
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::cpu {

/// A field's encoding, as VMREAD and VMWRITE take it (SDM 3, 25.11.2).
using VmcsField = std::uint32_t;

namespace vmcs_encoding {
using high = Field<0>;       ///< access type: the upper half of a 64-bit field
using index = Field<9, 1>;
using type = Field<11, 10>;  ///< 0 control, 1 exit information (read-only), 2 guest state, 3 host state
using width = Field<14, 13>; ///< 0 16-bit, 1 64-bit, 2 32-bit, 3 natural (64-bit here)
inline constexpr std::uint32_t reserved = 0xffff'9000;
enum Type : unsigned { control = 0, exit_information = 1, guest_state = 2, host_state = 3 };
enum Width : unsigned { bits16 = 0, bits64 = 1, bits32 = 2, natural = 3 };
}  // namespace vmcs_encoding

namespace vmcs_field {
inline constexpr VmcsField
    // 16-bit
    vpid = 0x0000, posted_interrupt_vector = 0x0002,
    guest_es_selector = 0x0800, guest_cs_selector = 0x0802, guest_ss_selector = 0x0804, guest_ds_selector = 0x0806,
    guest_fs_selector = 0x0808, guest_gs_selector = 0x080a, guest_ldtr_selector = 0x080c, guest_tr_selector = 0x080e,
    guest_interrupt_status = 0x0810,  ///< [7:0] RVI, [15:8] SVI
    host_es_selector = 0x0c00, host_cs_selector = 0x0c02, host_ss_selector = 0x0c04, host_ds_selector = 0x0c06,
    host_fs_selector = 0x0c08, host_gs_selector = 0x0c0a, host_tr_selector = 0x0c0c,
    // 64-bit control
    io_bitmap_a = 0x2000, io_bitmap_b = 0x2002, msr_bitmap = 0x2004,
    exit_msr_store_address = 0x2006, exit_msr_load_address = 0x2008, entry_msr_load_address = 0x200a,
    tsc_offset = 0x2010, virtual_apic_page = 0x2012, apic_access_page = 0x2014, posted_interrupt_descriptor = 0x2016,
    ept_pointer = 0x201a, eoi_exit_bitmap0 = 0x201c, eoi_exit_bitmap1 = 0x201e, eoi_exit_bitmap2 = 0x2020,
    eoi_exit_bitmap3 = 0x2022,
    // 64-bit exit information, guest, host
    guest_physical_address = 0x2400,
    vmcs_link_pointer = 0x2800, guest_debugctl = 0x2802, guest_pat = 0x2804, guest_efer = 0x2806,
    guest_pdpte0 = 0x280a, guest_pdpte1 = 0x280c, guest_pdpte2 = 0x280e, guest_pdpte3 = 0x2810,
    host_pat = 0x2c00, host_efer = 0x2c02,
    // 32-bit control
    pin_controls = 0x4000, primary_controls = 0x4002, exception_bitmap = 0x4004, page_fault_mask = 0x4006,
    page_fault_match = 0x4008, cr3_target_count = 0x400a, exit_controls = 0x400c, exit_msr_store_count = 0x400e,
    exit_msr_load_count = 0x4010, entry_controls = 0x4012, entry_msr_load_count = 0x4014,
    entry_interruption_info = 0x4016, entry_exception_error_code = 0x4018, entry_instruction_length = 0x401a,
    tpr_threshold = 0x401c, secondary_controls = 0x401e, ple_gap = 0x4020, ple_window = 0x4022,
    // 32-bit exit information
    vm_instruction_error = 0x4400, exit_reason = 0x4402, exit_interruption_info = 0x4404,
    exit_interruption_error_code = 0x4406, idt_vectoring_info = 0x4408, idt_vectoring_error_code = 0x440a,
    exit_instruction_length = 0x440c, exit_instruction_info = 0x440e,
    // 32-bit guest, host
    guest_es_limit = 0x4800, guest_cs_limit = 0x4802, guest_ss_limit = 0x4804, guest_ds_limit = 0x4806,
    guest_fs_limit = 0x4808, guest_gs_limit = 0x480a, guest_ldtr_limit = 0x480c, guest_tr_limit = 0x480e,
    guest_gdtr_limit = 0x4810, guest_idtr_limit = 0x4812, guest_es_rights = 0x4814, guest_cs_rights = 0x4816,
    guest_ss_rights = 0x4818, guest_ds_rights = 0x481a, guest_fs_rights = 0x481c, guest_gs_rights = 0x481e,
    guest_ldtr_rights = 0x4820, guest_tr_rights = 0x4822, guest_interruptibility = 0x4824,
    guest_activity_state = 0x4826, guest_smbase = 0x4828, guest_sysenter_cs = 0x482a,
    preemption_timer_value = 0x482e, host_sysenter_cs = 0x4c00,
    // natural width
    cr0_mask = 0x6000, cr4_mask = 0x6002, cr0_shadow = 0x6004, cr4_shadow = 0x6006,
    cr3_target0 = 0x6008, cr3_target1 = 0x600a, cr3_target2 = 0x600c, cr3_target3 = 0x600e,
    exit_qualification = 0x6400, io_rcx = 0x6402, io_rsi = 0x6404, io_rdi = 0x6406, io_rip = 0x6408,
    guest_linear_address = 0x640a,
    guest_cr0 = 0x6800, guest_cr3 = 0x6802, guest_cr4 = 0x6804, guest_es_base = 0x6806, guest_cs_base = 0x6808,
    guest_ss_base = 0x680a, guest_ds_base = 0x680c, guest_fs_base = 0x680e, guest_gs_base = 0x6810,
    guest_ldtr_base = 0x6812, guest_tr_base = 0x6814, guest_gdtr_base = 0x6816, guest_idtr_base = 0x6818,
    guest_dr7 = 0x681a, guest_rsp = 0x681c, guest_rip = 0x681e, guest_rflags = 0x6820,
    guest_pending_debug = 0x6822, guest_sysenter_esp = 0x6824, guest_sysenter_eip = 0x6826,
    host_cr0 = 0x6c00, host_cr3 = 0x6c02, host_cr4 = 0x6c04, host_fs_base = 0x6c06, host_gs_base = 0x6c08,
    host_tr_base = 0x6c0a, host_gdtr_base = 0x6c0c, host_idtr_base = 0x6c0e, host_sysenter_esp = 0x6c10,
    host_sysenter_eip = 0x6c12, host_rsp = 0x6c14, host_rip = 0x6c16;
}  // namespace vmcs_field

/// First and last encoding of every run of existing fields; whatever lies outside does not exist (VMfail 12).
struct VmcsFieldRun {
  VmcsField first, last;
};
inline constexpr VmcsFieldRun kVmcsFieldRuns[] = {
    {0x0000, 0x0002}, {0x0800, 0x0810}, {0x0c00, 0x0c0c},                                      // 16-bit
    {0x2000, 0x200a}, {0x2010, 0x2016}, {0x201a, 0x2022}, {0x2400, 0x2400}, {0x2800, 0x2806},  // 64-bit
    {0x280a, 0x2810}, {0x2c00, 0x2c02},
    {0x4000, 0x4022}, {0x4400, 0x440e}, {0x4800, 0x482a}, {0x482e, 0x482e}, {0x4c00, 0x4c00},  // 32-bit
    {0x6000, 0x600e}, {0x6400, 0x640a}, {0x6800, 0x6826}, {0x6c00, 0x6c16},                    // natural
};

}  // namespace iovirt::cpu
