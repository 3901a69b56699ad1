// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Intel 82540EM: registers, descriptors, NVM and PHY. Names and sections from the PCI/PCI-X Family of Gigabit
// Ethernet Controllers Software Developer's Manual (Intel 317453), "SDM" below.
#pragma once

#include <cstdint>

#include "lib/field.h"

namespace iovirt::software::e1000_spec {

inline constexpr std::uint16_t kVendor = 0x8086;
inline constexpr std::uint16_t kDevice = 0x100e;
inline constexpr std::uint32_t kMmioBytes = 128 * 1024;
inline constexpr std::uint32_t kIoBytes = 64;

/// Register offsets, SDM 13.2.
enum : std::uint32_t {
  CTRL = 0x0000, STATUS = 0x0008, EECD = 0x0010, EERD = 0x0014, CTRL_EXT = 0x0018, MDIC = 0x0020,
  FCAL = 0x0028, FCAH = 0x002c, FCT = 0x0030, VET = 0x0038,
  ICR = 0x00c0, ITR = 0x00c4, ICS = 0x00c8, IMS = 0x00d0, IMC = 0x00d8,
  RCTL = 0x0100, FCTTV = 0x0170, TXCW = 0x0178, RXCW = 0x0180, TCTL = 0x0400, TIPG = 0x0410, AIFS = 0x0458,
  LEDCTL = 0x0e00, PBA = 0x1000, FCRTL = 0x2160, FCRTH = 0x2168,
  RDBAL = 0x2800, RDBAH = 0x2804, RDLEN = 0x2808, RDH = 0x2810, RDT = 0x2818, RDTR = 0x2820, RXDCTL = 0x2828,
  RADV = 0x282c, RSRPD = 0x2c00,
  TDBAL = 0x3800, TDBAH = 0x3804, TDLEN = 0x3808, TDH = 0x3810, TDT = 0x3818, TIDV = 0x3820, TXDCTL = 0x3828,
  TADV = 0x382c, TSPMT = 0x3830,
  RXCSUM = 0x5000, MTA = 0x5200, RAL0 = 0x5400, RAH0 = 0x5404, VFTA = 0x5600,
  WUC = 0x5800, WUFC = 0x5808, WUS = 0x5810, MANC = 0x5820
};

/// Statistics, SDM 13.7: cleared by a read.
enum : std::uint32_t {
  CRCERRS = 0x4000, MPC = 0x4010, PRC64 = 0x405c, PRC1522 = 0x4070, GPRC = 0x4074, BPRC = 0x4078, MPRC = 0x407c,
  GPTC = 0x4080, GORCL = 0x4088, GORCH = 0x408c, GOTCL = 0x4090, GOTCH = 0x4094, RNBC = 0x40a0, RUC = 0x40a4,
  ROC = 0x40ac, TORL = 0x40c0, TORH = 0x40c4, TOTL = 0x40c8, TOTH = 0x40cc, TPR = 0x40d0, TPT = 0x40d4,
  PTC64 = 0x40d8, PTC1522 = 0x40ec, MPTC = 0x40f0, BPTC = 0x40f4, TSCTFC = 0x40fc
};

inline constexpr std::uint32_t kCtrlFd = 1u << 0;
inline constexpr std::uint32_t kCtrlSlu = 1u << 6;
inline constexpr std::uint32_t kCtrlRst = 1u << 26;
inline constexpr std::uint32_t kCtrlPhyRst = 1u << 31;
inline constexpr std::uint32_t kStatusFd = 1u << 0;
inline constexpr std::uint32_t kStatusLu = 1u << 1;
inline constexpr std::uint32_t kStatusSpeed1000 = 2u << 6;

/// EECD bits, SDM 13.4.3.
inline constexpr std::uint32_t kEecdSk = 1u << 0, kEecdCs = 1u << 1, kEecdDi = 1u << 2, kEecdDo = 1u << 3,
                               kEecdReq = 1u << 6, kEecdGnt = 1u << 7, kEecdPres = 1u << 8;
/// EERD, SDM 13.4.4: the 82540 has the address at 15:8 and DONE at 4.
inline constexpr std::uint32_t kEerdStart = 1u << 0, kEerdDone = 1u << 4;
using EerdAddress = Field<15, 8>;
using EerdData = Field<31, 16>;
inline constexpr unsigned kNvmWords = 64;
inline constexpr std::uint16_t kNvmSum = 0xbaba;  ///< words 0-3F add up to this (SDM 5.6.35)

/// MDIC, SDM 13.4.8.
using MdicData = Field<15, 0>;
using MdicRegister = Field<20, 16>;
using MdicPhy = Field<25, 21>;
using MdicOp = Field<27, 26>;  ///< 1 write, 2 read
inline constexpr std::uint32_t kMdicReady = 1u << 28, kMdicInterrupt = 1u << 29, kMdicError = 1u << 30;
inline constexpr unsigned kPhyAddress = 1;

/// PHY registers, SDM 13.5 (IEEE 802.3 clause 22 and the 88E1011's own).
enum : unsigned {
  kPhyControl = 0, kPhyStatus = 1, kPhyId1 = 2, kPhyId2 = 3, kPhyAdvertise = 4, kPhyPartner = 5,
  kPhy1000Control = 9, kPhy1000Status = 10, kPhyExtStatus = 15, kPhySpecificControl = 16, kPhySpecificStatus = 17
};
inline constexpr std::uint16_t kBmcrReset = 1u << 15, kBmcrAutoneg = 1u << 12, kBmcrRestart = 1u << 9;
inline constexpr std::uint16_t kBmsrLink = 1u << 2, kBmsrAutonegDone = 1u << 5;

/// Interrupt causes, SDM 13.4.17.
inline constexpr std::uint32_t kIcrTxdw = 1u << 0, kIcrTxqe = 1u << 1, kIcrLsc = 1u << 2, kIcrRxseq = 1u << 3,
                               kIcrRxdmt0 = 1u << 4, kIcrRxo = 1u << 6, kIcrRxt0 = 1u << 7, kIcrMdac = 1u << 9;

/// RCTL, SDM 13.4.22.
inline constexpr std::uint32_t kRctlEn = 1u << 1, kRctlUpe = 1u << 3, kRctlMpe = 1u << 4, kRctlLpe = 1u << 5,
                               kRctlBam = 1u << 15, kRctlBsex = 1u << 25, kRctlSecrc = 1u << 26;
using RctlRdmts = Field<9, 8>;
using RctlMo = Field<13, 12>;
using RctlBsize = Field<17, 16>;
inline constexpr std::uint32_t kTctlEn = 1u << 1, kTctlPsp = 1u << 3;
inline constexpr std::uint32_t kRahAv = 1u << 31;

/// A legacy receive descriptor, SDM 3.2.3: address, then length 15:0, checksum 31:16, status 39:32, errors 47:40,
/// special 63:48 of the second word.
inline constexpr std::uint32_t kDescriptorBytes = 16;
using RxLength = Field<15, 0>;
using RxStatus = Field<39, 32>;
using RxErrors = Field<47, 40>;
inline constexpr std::uint8_t kRxDd = 1, kRxEop = 2, kRxIxsm = 4;

/// A transmit descriptor, SDM 3.3: address, then length, command and status in the second word.
using TxLength = Field<15, 0>;       ///< legacy
using TxDataLength = Field<19, 0>;   ///< context and data descriptors
using TxType = Field<23, 20>;        ///< with DEXT: 0 context, 1 data
inline constexpr std::uint64_t kTxEop = 1ull << 24, kTxIfcs = 1ull << 25, kTxRs = 1ull << 27, kTxDext = 1ull << 29,
                               kTxIde = 1ull << 31;
inline constexpr std::uint64_t kTxDd = 1ull << 32;
inline constexpr std::uint64_t kTxStatusErrors = 0xeull << 32;  ///< EC, LC, TU

inline constexpr std::uint32_t kFcsBytes = 4;
inline constexpr std::uint32_t kMaxFrameBytes = 1518;       ///< with FCS; more needs LPE
inline constexpr std::uint32_t kMaxLongFrameBytes = 16384;  ///< with FCS
/// ITR, RADV and TADV count in these units.
inline constexpr std::uint64_t kItrUnitPs = 256'000;
inline constexpr std::uint64_t kAbsoluteTimerUnitPs = 1'024'000;
/// At most 7813 interrupts a second are observable (SDM 13.4.18): in ITR units.
inline constexpr std::uint32_t kMinInterval = 500;

}  // namespace iovirt::software::e1000_spec
