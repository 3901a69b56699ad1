// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The checks VM entry makes on controls, host and guest state (Intel SDM volume 3, 27.2 and 27.3): those that the
// modelled controls need. See README for what is not checked.
#pragma once

#include <cstdint>
#include <string_view>

#include "lib/memory_port.h"
#include "models/cpu/vmcs.h"
#include "models/cpu/vmx_capabilities.h"

namespace iovirt::cpu {

struct EntryCheck {
  /// Not none: the VMLAUNCH or VMRESUME fails (VMfailValid with this number), the guest is not entered.
  VmxError error = VmxError::none;
  /// The entry turns into exit 33 with bit 31 of the exit reason set and this qualification.
  bool invalid_guest_state = false;
  std::uint64_t qualification = 0;  ///< 0, 2 PDPTE, 3 NMI, 4 VMCS link pointer (SDM 3, 27.8)
  std::string_view what = {};       ///< which rule, for people

  bool passed() const { return error == VmxError::none && !invalid_guest_state; }
};

/// Launch state first (numbers 4 and 5), then controls (7), host (8), guest (exit 33). `memory` is host-physical; it is
/// read for the virtual TPR. Cheap when the VMCS is unchanged since it last passed.
EntryCheck check_vm_entry(Vmcs& vmcs, const VmxCapabilities& capabilities, MemoryPort& memory, bool resume);

/// The parts, each complete in itself; for tests and for software that validates its own VMCS.
EntryCheck check_controls(const Vmcs& vmcs, const VmxCapabilities& capabilities);
EntryCheck check_event_injection(const Vmcs& vmcs);
EntryCheck check_tpr_threshold(const Vmcs& vmcs, MemoryPort& memory);
EntryCheck check_host_state(const Vmcs& vmcs);
EntryCheck check_guest_state(const Vmcs& vmcs);

/// EPTP format (SDM 3, 25.6.11 and 27.2.1.1): memory type 0 or 6, four levels, reserved bits, width.
bool valid_eptp(std::uint64_t eptp, const VmxCapabilities& capabilities);

}  // namespace iovirt::cpu
