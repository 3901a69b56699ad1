// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Intel 82576: register offsets and bits of the physical function (BAR0, 128 KB) and of a virtual function (BAR0,
// 16 KB). Names and sections from the Intel 82576EB Gigabit Ethernet Controller datasheet (320961), chapter 8.
// Descriptors are in igb_descriptor_spec.h, mailbox messages in igb_mailbox_spec.h (both included here).
#pragma once

#include <cstdint>

#include "lib/field.h"
#include "models/nic/igb_descriptor_spec.h"
#include "models/nic/igb_mailbox_spec.h"

namespace iovirt::nic::igb {

inline constexpr std::uint16_t kVendor = 0x8086, kPfDevice = 0x10c9, kVfDevice = 0x10ca;
inline constexpr std::uint32_t kPfBar0Bytes = 128 * 1024;  ///< registers; BAR3 is the MSI-X table of both kinds
inline constexpr std::uint32_t kVfBar0Bytes = 16 * 1024;
inline constexpr std::uint32_t kMsixBarBytes = 16 * 1024;
inline constexpr unsigned kQueues = 16, kPools = 8, kVfs = 8;
inline constexpr unsigned kPfVectors = 10, kVfVectors = 3, kInternalVectors = 25;
inline constexpr unsigned kVfOffset = 0x80, kVfStride = 2;

// -- physical function ---------------------------------------------------------------------------------------
enum : std::uint32_t {
  CTRL = 0x0000, STATUS = 0x0008, EECD = 0x0010, EERD = 0x0014, CTRL_EXT = 0x0018, FLA = 0x001c, MDIC = 0x0020,
  FCAL = 0x0028, FCAH = 0x002c, FCT = 0x0030, CONNSW = 0x0034, VET = 0x0038, LEDCTL = 0x0e00,
  ICR = 0x00c0, ICS = 0x00c8, IMS = 0x00d0, IMC = 0x00d8, IAM = 0x00e0,
  RCTL = 0x0100, FCTTV = 0x0170, TXCW = 0x0178, TCTL = 0x0400, TCTL_EXT = 0x0404, TIPG = 0x0410,
  GPIE = 0x1514, EICS = 0x1520, EIMS = 0x1524, EIMC = 0x1528, EIAC = 0x152c, EIAM = 0x1530, EICR = 0x1580,
  EITR0 = 0x1680, IVAR0 = 0x1700, IVAR_MISC = 0x1740,
  MBVFICR = 0x0c80, MBVFIMR = 0x0c84, VFLRE = 0x0c88, VFRE = 0x0c8c, VFTE = 0x0c90,
  P2VMAILBOX0 = 0x0c00, V2PMAILBOX0 = 0x0c40, VMBMEM0 = 0x0800,
  QDE = 0x2408, DTXSWC = 0x3500, WVBR = 0x3554, VMVIR0 = 0x3700, RTTDQSEL = 0x3604, RTTBCNRM = 0x3690,
  RTTBCNRC = 0x36b0, DTXCTL = 0x3590,
  RXPBS = 0x2404, TXPBS = 0x3404,
  FCRTL0 = 0x2160, FCRTH0 = 0x2168, FCRTV = 0x2460,
  RXCSUM = 0x5000, RLPML = 0x5004, RFCTL = 0x5008, MTA0 = 0x5200, RAL0 = 0x5400, RAH0 = 0x5404, PSRTYPE0 = 0x5480,
  RAL16 = 0x54e0, RAH16 = 0x54e4, VFTA0 = 0x5600,
  WUC = 0x5800, WUFC = 0x5808, MRQC = 0x5818, VT_CTL = 0x581c, MANC = 0x5820,
  VMOLR0 = 0x5ad0, RPLOLR = 0x5af0, SWSM = 0x5b50, FWSM = 0x5b54, SW_FW_SYNC = 0x5b5c, RETA0 = 0x5c00, RSSRK0 = 0x5c80,
  VLVF0 = 0x5d00, UTA0 = 0xa000, GCR = 0x5b00, EEMNGCTL = 0x1010,
  PVTCTRL0 = 0x10000, VTIVAR0 = 0x11700, VTIVAR_MISC0 = 0x11720
};

/// Statistics, 8.18: cleared by a read.
enum : std::uint32_t {
  CRCERRS = 0x4000, MPC = 0x4010, GPRC = 0x4074, BPRC = 0x4078, MPRC = 0x407c, GPTC = 0x4080, GORCL = 0x4088,
  GORCH = 0x408c, GOTCL = 0x4090, GOTCH = 0x4094, RNBC = 0x40a0, RUC = 0x40a4, ROC = 0x40ac, TORL = 0x40c0,
  TORH = 0x40c4, TOTL = 0x40c8, TOTH = 0x40cc, TPR = 0x40d0, TPT = 0x40d4, MPTC = 0x40f0, BPTC = 0x40f4, IAC = 0x4100,
  SDPC = 0x41a4
};

/// Rings: queues 0-3 are also at 0x2800 + 0x100 n and 0x3800 + 0x100 n; all at 0xc000 + 0x40 n and 0xe000 + 0x40 n.
enum : std::uint32_t {
  RDBAL = 0x00, RDBAH = 0x04, RDLEN = 0x08, SRRCTL = 0x0c, RDH = 0x10, RXCTL = 0x14, RDT = 0x18, RXDCTL = 0x28, RQDPC = 0x30,
  TDBAL = 0x00, TDBAH = 0x04, TDLEN = 0x08, TDH = 0x10, TXCTL = 0x14, TDT = 0x18, TXDCTL = 0x28, TDWBAL = 0x38, TDWBAH = 0x3c
};
constexpr std::uint32_t rx_ring(unsigned queue) { return queue < 4 ? 0x2800 + 0x100 * queue : 0xc000 + 0x40 * queue; }
constexpr std::uint32_t tx_ring(unsigned queue) { return queue < 4 ? 0x3800 + 0x100 * queue : 0xe000 + 0x40 * queue; }
constexpr std::uint32_t EITR(unsigned vector) { return EITR0 + 4 * vector; }
constexpr std::uint32_t IVAR(unsigned queue) { return IVAR0 + 4 * (queue & 7); }
constexpr std::uint32_t RAL(unsigned n) { return n < 16 ? RAL0 + 8 * n : RAL16 + 8 * (n - 16); }
constexpr std::uint32_t RAH(unsigned n) { return RAL(n) + 4; }
constexpr std::uint32_t VMOLR(unsigned pool) { return VMOLR0 + 4 * pool; }
constexpr std::uint32_t VMVIR(unsigned pool) { return VMVIR0 + 4 * pool; }
constexpr std::uint32_t VLVF(unsigned n) { return VLVF0 + 4 * n; }
constexpr std::uint32_t PSRTYPE(unsigned pool) { return PSRTYPE0 + 4 * pool; }
constexpr std::uint32_t P2VMAILBOX(unsigned vf) { return P2VMAILBOX0 + 4 * vf; }
constexpr std::uint32_t VMBMEM(unsigned vf) { return VMBMEM0 + 64 * vf; }
/// The EICR bit (and EITR) behind vector `v` of virtual function `vf`.
constexpr unsigned vf_vector_bit(unsigned vf, unsigned v) { return 22 - 3 * vf + v; }

// -- virtual function: offsets in its own BAR0 -----------------------------------------------------------------
enum : std::uint32_t {
  VTCTRL = 0x0000, VTSTATUS = 0x0008, VTFRTIMER = 0x1048, VTEICS = 0x1520, VTEIMS = 0x1524, VTEIMC = 0x1528,
  VTEIAC = 0x152c, VTEIAM = 0x1530, VTEICR = 0x1580, VTEITR0 = 0x1680, VF_VTIVAR = 0x1700, VF_VTIVAR_MISC = 0x1740,
  V2PMAILBOX = 0x0c40, VF_VMBMEM = 0x0800,  ///< 16 dwords
  VF_PSRTYPE = 0x5480,
  VFGPRC = 0x0f10, VFGPTC = 0x0f14, VFGORC = 0x0f18, VFGOTC = 0x0f34, VFMPRC = 0x0f3c, VFGPRLBC = 0x0f40,
  VFGPTLBC = 0x0f44, VFGORLBC = 0x0f48, VFGOTLBC = 0x0f50
};
/// A VF's rings, queue 0 or 1; offsets within as above.
inline constexpr std::uint32_t VF_RX_RING = 0x2800, VF_TX_RING = 0x3800;
constexpr std::uint32_t vf_rx_ring(unsigned queue) { return VF_RX_RING + 0x100 * queue; }
constexpr std::uint32_t vf_tx_ring(unsigned queue) { return VF_TX_RING + 0x100 * queue; }
/// Where the PF sees a VF's registers: PVTCTRL0 + 0x100 vf + one of these.
enum : std::uint32_t {
  PVTCTRL = 0x00, PVFGPRC = 0x10, PVFGPTC = 0x14, PVFGORC = 0x18, PVTEICS = 0x20, PVTEIMS = 0x24, PVTEIMC = 0x28,
  PVTEIAC = 0x2c, PVTEIAM = 0x30, PVFGOTC = 0x34, PVFMPRC = 0x38, PVFGPRLBC = 0x40, PVFGPTLBC = 0x44, PVFGORLBC = 0x48,
  PVFGOTLBC = 0x50, PVTEICR = 0x80
};

// -- bits ----------------------------------------------------------------------------------------------------------
inline constexpr std::uint32_t kCtrlFd = 1u << 0, kCtrlGioMasterDisable = 1u << 2, kCtrlSlu = 1u << 6, kCtrlRst = 1u << 26,
                               kCtrlVme = 1u << 30, kCtrlPhyRst = 1u << 31;
inline constexpr std::uint32_t kStatusFd = 1u << 0, kStatusLu = 1u << 1, kStatusSpeed1000 = 2u << 6, kStatusPhyra = 1u << 10,
                               kStatusGioMasterEnable = 1u << 19, kStatusPfRstDone = 1u << 21;
using StatusNumVfs = Field<17, 14>;
inline constexpr std::uint32_t kStatusIov = 1u << 18;
inline constexpr std::uint32_t kEecdReq = 1u << 6, kEecdGnt = 1u << 7, kEecdPres = 1u << 8, kEecdAutoRd = 1u << 9;
using EecdSize = Field<14, 11>;
inline constexpr std::uint32_t kEerdStart = 1u << 0, kEerdDone = 1u << 1;
using EerdAddress = Field<15, 2>;
using EerdData = Field<31, 16>;
inline constexpr unsigned kNvmWords = 64;
inline constexpr std::uint16_t kNvmSum = 0xbaba;  ///< words 0-3F add up to this
inline constexpr std::uint32_t kCtrlExtPfRstd = 1u << 14, kCtrlExtDrvLoad = 1u << 28;
using MdicData = Field<15, 0>;
using MdicRegister = Field<20, 16>;
using MdicPhy = Field<25, 21>;
using MdicOp = Field<27, 26>;  ///< 1 write, 2 read
inline constexpr std::uint32_t kMdicReady = 1u << 28, kMdicInterrupt = 1u << 29, kMdicError = 1u << 30;
inline constexpr unsigned kPhyAddress = 1;
inline constexpr std::uint32_t kSwsmSmbi = 1u << 0, kSwsmSwesmbi = 1u << 1;
inline constexpr std::uint32_t kEemngctlCfgDone0 = 1u << 18;

inline constexpr std::uint32_t kRctlRxEn = 1u << 1, kRctlUpe = 1u << 3, kRctlMpe = 1u << 4, kRctlLpe = 1u << 5,
                               kRctlBam = 1u << 15, kRctlVfe = 1u << 18, kRctlSecrc = 1u << 26;
using RctlMo = Field<13, 12>;  ///< which 12 bits of a multicast address index MTA
using RctlLbm = Field<7, 6>;   ///< 3: transmitted frames come back
inline constexpr std::uint32_t kTctlEn = 1u << 1, kTctlPsp = 1u << 3;

/// ICR, ICS, IMS, IMC, 8.8.
inline constexpr std::uint32_t kIcrTxdw = 1u << 0, kIcrLsc = 1u << 2, kIcrRxdmt0 = 1u << 4, kIcrRxMiss = 1u << 6, kIcrRxdw = 1u << 7,
                               kIcrVmmb = 1u << 8, kIcrDrsta = 1u << 30, kIcrDoutSync = 1u << 28, kIcrInta = 1u << 31;
inline constexpr std::uint32_t kIcrMask = 0x77d4'fbfd;  ///< what may be enabled, as igb's interrupt self-test uses it
inline constexpr std::uint32_t kGpieNsicr = 1u << 0, kGpieMultipleMsix = 1u << 4, kGpieEiame = 1u << 30, kGpiePba = 1u << 31;
inline constexpr std::uint32_t kEicrTcpTimer = 1u << 30, kEicrOther = 1u << 31;  ///< without Multiple_MSIX
inline constexpr std::uint32_t kEicrVectors = (1u << kInternalVectors) - 1;
using EitrInterval = Field<14, 2>;  ///< in units of about 1 us; 0: no moderation
using EitrCounter = Field<30, 16>;
inline constexpr std::uint32_t kEitrCountIgnore = 1u << 31;  ///< the write leaves the running counter alone
inline constexpr std::uint8_t kIvarValid = 0x80;
using IvarVector = Field<4, 0>;
/// Which byte of IVAR(queue) a queue's cause uses.
constexpr unsigned ivar_byte(unsigned queue, bool tx) { return (queue < 8 ? 0u : 2u) + (tx ? 1u : 0u); }
inline constexpr unsigned kIvarMiscOther = 1;  ///< byte of IVAR_MISC; byte 0 is the TCP timer

using MrqcEnable = Field<2, 0>;
inline constexpr unsigned kMrqcNone = 0, kMrqcRss = 2, kMrqcVmdq = 3, kMrqcVmdqRss = 5;
using VtCtlDefaultPool = Field<9, 7>;
inline constexpr std::uint32_t kVtCtlIgnoreMac = 1u << 28, kVtCtlDisableDefault = 1u << 29, kVtCtlReplication = 1u << 30;
using VmolrRlpml = Field<13, 0>;
inline constexpr std::uint32_t kVmolrLpe = 1u << 16, kVmolrRsse = 1u << 17, kVmolrAupe = 1u << 24, kVmolrRompe = 1u << 25,
                               kVmolrRope = 1u << 26, kVmolrBam = 1u << 27, kVmolrMpe = 1u << 28, kVmolrStrVlan = 1u << 30,
                               kVmolrStrCrc = 1u << 31;
using VlvfVlan = Field<11, 0>;
using VlvfPools = Field<19, 12>;
inline constexpr std::uint32_t kVlvfLvlan = 1u << 20, kVlvfEnable = 1u << 31;
using VmvirVlan = Field<15, 0>;
inline constexpr std::uint32_t kVmvirDefault = 1u << 30, kVmvirNever = 1u << 31;
using RahPools = Field<25, 18>;
inline constexpr std::uint32_t kRahValid = 1u << 31;
using DtxswcMacSpoof = Field<7, 0>;
using DtxswcVlanSpoof = Field<15, 8>;
using DtxswcLocalLoopback = Field<23, 16>;
inline constexpr std::uint32_t kDtxswcLoopbackEnable = 1u << 31;
inline constexpr std::uint32_t kRttEnable = 1u << 31;
using RttInteger = Field<27, 14>;
using RttFraction = Field<13, 0>;

/// VTCTRL: a VF may only reset itself. P2VMAILBOX and V2PMAILBOX, 8.14.
inline constexpr std::uint32_t kVtctrlRst = 1u << 26;
inline constexpr std::uint32_t kP2vSts = 1u << 0, kP2vAck = 1u << 1, kP2vVfu = 1u << 2, kP2vPfu = 1u << 3, kP2vRvfu = 1u << 4;
inline constexpr std::uint32_t kV2pReq = 1u << 0, kV2pAck = 1u << 1, kV2pVfu = 1u << 2, kV2pPfu = 1u << 3, kV2pPfSts = 1u << 4,
                               kV2pPfAck = 1u << 5, kV2pRsti = 1u << 6, kV2pRstd = 1u << 7;
using MbvficrReq = Field<7, 0>;
using MbvficrAck = Field<23, 16>;

// -- queue control ---------------------------------------------------------------------------------------------------
using DctlPthresh = Field<4, 0>;   ///< RXDCTL and TXDCTL: prefetch when fewer descriptors are held
using DctlHthresh = Field<12, 8>;  ///< ... and at least this many can be fetched
using DctlWthresh = Field<20, 16>;
inline constexpr std::uint32_t kDctlEnable = 1u << 25, kDctlFlush = 1u << 26;
using SrrctlBufferKb = Field<6, 0>;  ///< 0: RCTL.BSIZE, 2048 bytes
using SrrctlHeader = Field<11, 8>;
using SrrctlDescriptor = Field<27, 25>;  ///< kSrrctlLegacy, kSrrctlAdvanced
inline constexpr unsigned kSrrctlLegacy = 0, kSrrctlAdvanced = 1;
inline constexpr std::uint32_t kSrrctlDropEn = 1u << 31;
inline constexpr std::uint32_t kTdwbEnable = 1u << 0;

}  // namespace iovirt::nic::igb
