// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Offsets and bits of PCI Express Base Specification 5.0 chapter 7 (configuration space), 9 (SR-IOV), and
// PCI Local Bus 3.0 6.8 (MSI-X). Capability registers are relative to the capability.
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::pcie::spec {

// -- common header (7.5.1.1) ------------------------------------------------------------------------------------
inline constexpr std::uint16_t kVendorId = 0x00;
inline constexpr std::uint16_t kDeviceId = 0x02;
inline constexpr std::uint16_t kCommand = 0x04;
inline constexpr std::uint16_t kStatus = 0x06;
inline constexpr std::uint16_t kRevision = 0x08;
inline constexpr std::uint16_t kClassCode = 0x09;
inline constexpr std::uint16_t kHeaderType = 0x0e;
inline constexpr std::uint16_t kBar0 = 0x10;
inline constexpr std::uint16_t kSubsystemVendor = 0x2c;
inline constexpr std::uint16_t kSubsystem = 0x2e;
inline constexpr std::uint16_t kCapabilities = 0x34;
inline constexpr std::uint16_t kInterruptLine = 0x3c;
inline constexpr std::uint16_t kInterruptPin = 0x3d;
inline constexpr std::uint16_t kCommandIoEnable = 1 << 0;
inline constexpr std::uint16_t kCommandMemoryEnable = 1 << 1;
inline constexpr std::uint16_t kCommandBusMaster = 1 << 2;
inline constexpr std::uint16_t kCommandInterruptDisable = 1 << 10;
inline constexpr std::uint16_t kStatusCapabilities = 1 << 4;
// -- type 1 header (7.5.1.3) --------------------------------------------------------------------------------------
inline constexpr std::uint16_t kPrimaryBus = 0x18;
inline constexpr std::uint16_t kSecondaryBus = 0x19;
inline constexpr std::uint16_t kSubordinateBus = 0x1a;
inline constexpr std::uint16_t kMemoryBase = 0x20;
inline constexpr std::uint16_t kMemoryLimit = 0x22;
inline constexpr std::uint16_t kPrefetchableBase = 0x24;
inline constexpr std::uint16_t kPrefetchableLimit = 0x26;
inline constexpr std::uint16_t kPrefetchableBaseUpper = 0x28;
inline constexpr std::uint16_t kPrefetchableLimitUpper = 0x2c;
// -- base address registers (7.5.1.2.1) ------------------------------------------------------------------------------
inline constexpr std::uint32_t kBarMemory64 = 2u << 1;
inline constexpr std::uint32_t kBarPrefetchable = 1u << 3;
inline constexpr std::uint32_t kBarFlags = 0xf;

// -- capability ids -----------------------------------------------------------------------------------------------------
inline constexpr std::uint8_t kCapPowerManagement = 0x01;
inline constexpr std::uint8_t kCapVendor = 0x09;
inline constexpr std::uint8_t kCapExpress = 0x10;
inline constexpr std::uint8_t kCapMsix = 0x11;
inline constexpr std::uint16_t kExtAer = 0x0001;
inline constexpr std::uint16_t kExtAri = 0x000e;
inline constexpr std::uint16_t kExtAts = 0x000f;
inline constexpr std::uint16_t kExtSriov = 0x0010;
inline constexpr std::uint16_t kExtPageRequest = 0x0013;
inline constexpr std::uint16_t kExtPasid = 0x001b;

// -- PCI Express capability (7.5.3) ------------------------------------------------------------------------------------
inline constexpr std::uint16_t kExpFlags = 0x02;
inline constexpr std::uint16_t kExpDeviceCap = 0x04;
inline constexpr std::uint16_t kExpDeviceControl = 0x08;
inline constexpr std::uint16_t kExpDeviceStatus = 0x0a;
inline constexpr std::uint16_t kExpLinkCap = 0x0c;
inline constexpr std::uint16_t kExpLinkControl = 0x10;
inline constexpr std::uint16_t kExpLinkStatus = 0x12;
inline constexpr std::uint16_t kExpDeviceCap2 = 0x24;
inline constexpr std::uint16_t kExpDeviceControl2 = 0x28;
inline constexpr unsigned kExpBytes = 0x3c;
using ExpPortType = Field<7, 4>;          // of Flags
using ExpMpsSupported = Field<2, 0>;      // of Device Capabilities: 128 << n
inline constexpr std::uint32_t kExpFlrCapable = 1u << 28;
using ExpMps = Field<7, 5>;               // of Device Control
using ExpMrrs = Field<14, 12>;
inline constexpr std::uint16_t kExpInitiateFlr = 1 << 15;
inline constexpr std::uint16_t kExpUnsupportedDetected = 1 << 3;  // of Device Status
using ExpLinkSpeed = Field<3, 0>;         // of Link Capabilities and Link Status: generation
using ExpLinkWidth = Field<9, 4>;
inline constexpr std::uint32_t kExpAriForwarding = 1u << 5;  // of Device Capabilities 2 and Device Control 2

// -- MSI-X (PCI 3.0, 6.8.2) -------------------------------------------------------------------------------------------
inline constexpr std::uint16_t kMsixControl = 0x02;
inline constexpr std::uint16_t kMsixTable = 0x04;
inline constexpr std::uint16_t kMsixPba = 0x08;
inline constexpr unsigned kMsixBytes = 0x0c;
using MsixTableSize = Field<10, 0>;
inline constexpr std::uint16_t kMsixFunctionMask = 1 << 14;
inline constexpr std::uint16_t kMsixEnable = 1 << 15;
inline constexpr unsigned kMsixEntryBytes = 16;

// -- SR-IOV (9.3.3) ------------------------------------------------------------------------------------------------------
inline constexpr std::uint16_t kSriovCap = 0x04;
inline constexpr std::uint16_t kSriovControl = 0x08;
inline constexpr std::uint16_t kSriovInitialVfs = 0x0c;
inline constexpr std::uint16_t kSriovTotalVfs = 0x0e;
inline constexpr std::uint16_t kSriovNumVfs = 0x10;
inline constexpr std::uint16_t kSriovVfOffset = 0x14;
inline constexpr std::uint16_t kSriovVfStride = 0x16;
inline constexpr std::uint16_t kSriovVfDeviceId = 0x1a;
inline constexpr std::uint16_t kSriovSupportedPages = 0x1c;
inline constexpr std::uint16_t kSriovSystemPage = 0x20;
inline constexpr std::uint16_t kSriovBar0 = 0x24;
inline constexpr unsigned kSriovBytes = 0x40;
inline constexpr std::uint16_t kSriovVfEnable = 1 << 0;
inline constexpr std::uint16_t kSriovVfMemoryEnable = 1 << 3;
inline constexpr std::uint16_t kSriovAriHierarchy = 1 << 4;

// -- AER (7.8.4) --------------------------------------------------------------------------------------------------------
inline constexpr std::uint16_t kAerUncorrectableStatus = 0x04;
inline constexpr std::uint16_t kAerUncorrectableMask = 0x08;
inline constexpr std::uint16_t kAerUncorrectableSeverity = 0x0c;
inline constexpr std::uint16_t kAerCorrectableStatus = 0x10;
inline constexpr std::uint16_t kAerCorrectableMask = 0x14;
inline constexpr std::uint16_t kAerHeaderLog = 0x1c;
inline constexpr unsigned kAerBytes = 0x48;
inline constexpr std::uint32_t kAerUnsupportedRequest = 1u << 20;
inline constexpr std::uint32_t kAerUncorrectableBits = 0x07fff030;

// -- Address Translation Services (10.5.1) --------------------------------------------------------------------------
inline constexpr std::uint16_t kAtsCap = 0x04;
inline constexpr std::uint16_t kAtsControl = 0x06;
inline constexpr unsigned kAtsBytes = 0x08;
using AtsQueueDepth = Field<4, 0>;        // of the capability register; 0: 32, and in a VF the PF's
inline constexpr std::uint16_t kAtsPageAligned = 1 << 5;
inline constexpr std::uint16_t kAtsGlobalInvalidate = 1 << 6;
using AtsStu = Field<4, 0>;               // of the control register: 4096 << n bytes
inline constexpr std::uint16_t kAtsEnable = 1 << 15;

// -- page requests (10.5.2) ------------------------------------------------------------------------------------------------
inline constexpr std::uint16_t kPriControl = 0x04;
inline constexpr std::uint16_t kPriStatus = 0x06;
inline constexpr std::uint16_t kPriCapacity = 0x08;
inline constexpr std::uint16_t kPriAllocation = 0x0c;
inline constexpr unsigned kPriBytes = 0x10;
inline constexpr std::uint16_t kPriEnable = 1 << 0;
inline constexpr std::uint16_t kPriReset = 1 << 1;
inline constexpr std::uint16_t kPriResponseFailure = 1 << 0;   // of Status
inline constexpr std::uint16_t kPriUnexpectedGroup = 1 << 1;
inline constexpr std::uint16_t kPriStopped = 1 << 8;

// -- PASID (7.8.8) ---------------------------------------------------------------------------------------------------------
inline constexpr std::uint16_t kPasidCap = 0x04;
inline constexpr std::uint16_t kPasidControl = 0x06;
inline constexpr unsigned kPasidBytes = 0x08;
using PasidWidth = Field<12, 8>;          // of the capability register
inline constexpr std::uint16_t kPasidExecute = 1 << 1;         // of both
inline constexpr std::uint16_t kPasidPrivileged = 1 << 2;
inline constexpr std::uint16_t kPasidEnable = 1 << 0;          // of Control

}  // namespace iovirt::pcie::spec
