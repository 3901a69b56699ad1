// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The 82540EM's registers as a table, its NVM and its PHY. Section numbers: SDM, see e1000_spec.h.

#include <algorithm>
#include <string>

#include "models/software/qemu/e1000_device.h"
#include "models/software/qemu/e1000_spec.h"

namespace iovirt::software {

using namespace e1000_spec;

namespace {

constexpr std::uint64_t kAll = 0xffffffff;

struct Statistic {
  std::uint32_t offset;
  const char* name;
};
constexpr Statistic kStatistics[] = {
    {0x4000, "CRCERRS"}, {0x4004, "ALGNERRC"}, {0x4008, "SYMERRS"}, {0x400c, "RXERRC"}, {0x4010, "MPC"},
    {0x4014, "SCC"},     {0x4018, "ECOL"},     {0x401c, "MCC"},     {0x4020, "LATECOL"}, {0x4028, "COLC"},
    {0x4030, "DC"},      {0x4034, "TNCRS"},    {0x4038, "SEC"},     {0x403c, "CEXTERR"}, {0x4040, "RLEC"},
    {0x4048, "XONRXC"},  {0x404c, "XONTXC"},   {0x4050, "XOFFRXC"}, {0x4054, "XOFFTXC"}, {0x4058, "FCRUC"},
    {0x405c, "PRC64"},   {0x4060, "PRC127"},   {0x4064, "PRC255"},  {0x4068, "PRC511"},  {0x406c, "PRC1023"},
    {0x4070, "PRC1522"}, {0x4074, "GPRC"},     {0x4078, "BPRC"},    {0x407c, "MPRC"},    {0x4080, "GPTC"},
    {0x4088, "GORCL"},   {0x408c, "GORCH"},    {0x4090, "GOTCL"},   {0x4094, "GOTCH"},   {0x40a0, "RNBC"},
    {0x40a4, "RUC"},     {0x40a8, "RFC"},      {0x40ac, "ROC"},     {0x40b0, "RJC"},     {0x40b4, "MGTPRC"},
    {0x40b8, "MGTPDC"},  {0x40bc, "MGTPTC"},   {0x40c0, "TORL"},    {0x40c4, "TORH"},    {0x40c8, "TOTL"},
    {0x40cc, "TOTH"},    {0x40d0, "TPR"},      {0x40d4, "TPT"},     {0x40d8, "PTC64"},   {0x40dc, "PTC127"},
    {0x40e0, "PTC255"},  {0x40e4, "PTC511"},   {0x40e8, "PTC1023"}, {0x40ec, "PTC1522"}, {0x40f0, "MPTC"},
    {0x40f4, "BPTC"},    {0x40f8, "TSCTC"},    {0x40fc, "TSCTFC"}};

// PHY registers software may write, by number; the rest are status (13.5).
std::uint16_t phy_writable(unsigned reg) {
  switch (reg) {
    case kPhyControl: return 0xffc0;
    case kPhyAdvertise: return 0xffff;
    case 7: return 0xffff;  // next page
    case kPhy1000Control: return 0xffff;
    case kPhySpecificControl: return 0xffff;
    case 18: case 20: case 24: return 0xffff;  // interrupt enable, extended control, LED control
    default: return 0;
  }
}

}  // namespace

void E1000::add_registers() {
  const auto plain = [this](std::uint32_t offset, const char* name, std::uint64_t reset = 0,
                            std::uint64_t writable = kAll) -> Value* {
    return &bank_.add({.name = name, .offset = offset, .reset = reset, .writable = writable}).value;
  };

  // General, 13.4.1 to 13.4.12.
  bank_.add({.name = "CTRL", .offset = CTRL, .reset = 0x00140240, .writable = kAll & ~(kCtrlRst | kCtrlPhyRst)},
            [this](Value written, Value) { control_written(written); });
  status_ = plain(STATUS, "STATUS", 0x80080000 | kStatusSpeed1000 | kStatusLu | kStatusFd, 0);
  bank_.add({.name = "EECD", .offset = EECD, .reset = kEecdPres, .writable = kEecdSk | kEecdCs | kEecdDi | kEecdReq},
            [this](Value written, Value) { nvm_.drive(written & kEecdCs, written & kEecdSk, written & kEecdDi); },
            [this](Value stored) {
              return stored | (stored & kEecdReq ? kEecdGnt : 0) | (nvm_.data_out() ? kEecdDo : 0);
            });
  bank_.add({.name = "EERD", .offset = EERD}, [this](Value written, Value) { nvm_read(written); });
  plain(CTRL_EXT, "CTRL_EXT");
  bank_.add({.name = "MDIC", .offset = MDIC, .reset = kMdicReady},
            [this](Value written, Value) { mdic_written(written); });
  plain(FCAL, "FCAL");
  plain(FCAH, "FCAH", 0, 0xffff);
  plain(FCT, "FCT", 0, 0xffff);
  plain(VET, "VET", 0x8100, 0xffff);
  plain(FCTTV, "FCTTV", 0, 0xffff);
  plain(TXCW, "TXCW");
  plain(RXCW, "RXCW", 0, 0);
  plain(LEDCTL, "LEDCTL", 0x07068302);
  plain(PBA, "PBA", 0x00100030, 0xffff);

  // Interrupts, 13.4.17 to 13.4.21. A read of ICR acknowledges everything.
  icr_ = &bank_.add({.name = "ICR", .offset = ICR, .write1_clear = kAll},
                    [this](Value, Value) { update_irq(); },
                    [this](Value stored) {
                      *icr_ = 0;
                      update_irq();
                      return stored;
                    }).value;
  itr_ = plain(ITR, "ITR", 0, 0xffff);
  bank_.add({.name = "ICS", .offset = ICS},
            [this](Value written, Value) { raise(static_cast<std::uint32_t>(written)); });
  ims_ = &bank_.add({.name = "IMS", .offset = IMS},
                    [this](Value written, Value) {
                      *ims_ |= written;
                      update_irq();
                    }).value;
  bank_.add({.name = "IMC", .offset = IMC},
            [this](Value written, Value) {
              *ims_ &= ~written;
              update_irq();
            });

  // Receive, 13.4.22 to 13.4.36.
  rctl_ = &bank_.add({.name = "RCTL", .offset = RCTL, .writable = 0x07ffffff & ~1u},
                     [this](Value, Value before) {
                       if (!(before & kRctlEn) && can_receive()) host_.receive_ready();
                     }).value;
  plain(FCRTL, "FCRTL", 0, 0x8000fff8);
  plain(FCRTH, "FCRTH", 0, 0xfff8);
  rdbal_ = plain(RDBAL, "RDBAL", 0, kAll & ~0xfull);
  rdbah_ = plain(RDBAH, "RDBAH");
  rdlen_ = plain(RDLEN, "RDLEN", 0, 0xfff80);
  rdh_ = plain(RDH, "RDH", 0, 0xffff);
  rdt_ = &bank_.add({.name = "RDT", .offset = RDT, .writable = 0xffff},
                    [this](Value, Value) {
                      if (can_receive()) host_.receive_ready();
                    }).value;
  rdtr_ = plain(RDTR, "RDTR", 0, 0xffff);
  plain(RXDCTL, "RXDCTL", 0x01010000);
  radv_ = plain(RADV, "RADV", 0, 0xffff);
  plain(RSRPD, "RSRPD", 0, 0xfff);
  plain(RXCSUM, "RXCSUM", 0, 0x7ff);

  // Transmit, 13.4.38 to 13.4.48.
  tctl_ = &bank_.add({.name = "TCTL", .offset = TCTL, .writable = 0x01ffffff & ~1u},
                     [this](Value, Value) { transmit(); }).value;
  plain(TIPG, "TIPG", 0x00602008);
  plain(AIFS, "AIFS", 0, 0xffff);
  tdbal_ = plain(TDBAL, "TDBAL", 0, kAll & ~0xfull);
  tdbah_ = plain(TDBAH, "TDBAH");
  tdlen_ = plain(TDLEN, "TDLEN", 0, 0xfff80);
  tdh_ = plain(TDH, "TDH", 0, 0xffff);
  tdt_ = &bank_.add({.name = "TDT", .offset = TDT, .writable = 0xffff}, [this](Value, Value) { transmit(); }).value;
  plain(TIDV, "TIDV", 0, 0xffff);
  plain(TXDCTL, "TXDCTL");
  tadv_ = plain(TADV, "TADV", 0, 0xffff);
  plain(TSPMT, "TSPMT", 0x01000400);

  // Filters, 13.5.1 to 13.5.3; wake-up and management, stored.
  for (unsigned i = 0; i < mta_.size(); ++i) mta_[i] = plain(MTA + 4 * i, "MTA");
  for (unsigned i = 0; i < ra_.size(); ++i)
    ra_[i] = plain(RAL0 + 4 * i, i % 2 == 0 ? "RAL" : "RAH", 0, i % 2 == 0 ? kAll : 0x8003ffff);
  for (unsigned i = 0; i < 128; ++i) plain(VFTA + 4 * i, "VFTA");
  plain(WUC, "WUC");
  plain(WUFC, "WUFC");
  plain(WUS, "WUS", 0, 0);
  plain(MANC, "MANC");

  add_statistics();
}

void E1000::add_statistics() {
  for (const Statistic& s : kStatistics)
    statistics_[(s.offset - CRCERRS) / 4] =
        &bank_.add({.name = s.name, .offset = s.offset, .read_clear = kAll}).value;
}

void E1000::count(std::uint32_t reg, std::uint64_t by) {
  Value& value = *statistics_[(reg - CRCERRS) / 4];
  value = std::min<std::uint64_t>(value + by, 0xffffffff);  // 13.7: counters stick
}

void E1000::count64(std::uint32_t low, std::uint64_t by) {
  Value& lower = *statistics_[(low - CRCERRS) / 4];
  Value& upper = *statistics_[(low - CRCERRS) / 4 + 1];
  const std::uint64_t sum = (upper << 32 | lower) + by;
  lower = sum & kAll;
  upper = sum >> 32;
}

void E1000::load_from_nvm() {
  *ra_[0] = nvm_.words[0] | std::uint32_t{nvm_.words[1]} << 16;
  *ra_[1] = nvm_.words[2] | kRahAv;
}

void E1000::control_written(Value written) {
  if (written & kCtrlRst) {
    soft_reset();
    return;
  }
  if (written & kCtrlPhyRst) phy_write(kPhyControl, kBmcrReset | kBmcrAutoneg);
  const bool up = (written & kCtrlSlu) && (phy_[kPhyStatus] & kBmsrLink);
  if (up != ((*status_ & kStatusLu) != 0)) {
    *status_ ^= kStatusLu;
    raise(kIcrLsc);
    if (can_receive()) host_.receive_ready();
  }
}

void E1000::nvm_read(Value written) {
  if (!(written & kEerdStart)) return;
  const std::uint64_t word = EerdAddress::get(written);
  const std::uint16_t data = word < kNvmWords ? nvm_.words[word] : 0xffff;
  bank_[EERD] = EerdData::of(data) | EerdAddress::in_place(written) | kEerdDone;
}

void E1000::mdic_written(Value written) {
  const auto reg = static_cast<unsigned>(MdicRegister::get(written));
  Value result = (written & 0x3fffffff) | kMdicReady;
  if (MdicPhy::get(written) != kPhyAddress || (MdicOp::get(written) != 1 && MdicOp::get(written) != 2)) {
    result |= kMdicError;
  } else if (MdicOp::get(written) == 2) {
    result = MdicData::set(result, phy_[reg]);
  } else {
    phy_write(reg, static_cast<std::uint16_t>(MdicData::get(written)));
  }
  bank_[MDIC] = result;
  if (written & kMdicInterrupt) raise(kIcrMdac);
}

void E1000::phy_write(unsigned reg, std::uint16_t value) {
  phy_[reg] = static_cast<std::uint16_t>((phy_[reg] & ~phy_writable(reg)) | (value & phy_writable(reg)));
  if (reg != kPhyControl) return;
  // Reset and restart clear themselves (802.3, 22.2.4.1); negotiation takes no time here.
  const bool negotiate = (value & kBmcrReset) || ((value & kBmcrRestart) && (value & kBmcrAutoneg));
  if (value & kBmcrReset) phy_[kPhyControl] = 0x1140;
  phy_[kPhyControl] = static_cast<std::uint16_t>(phy_[kPhyControl] & ~(kBmcrReset | kBmcrRestart));
  if (negotiate) {
    phy_[kPhyStatus] |= kBmsrAutonegDone | kBmsrLink;
    raise(kIcrLsc);
  }
}

}  // namespace iovirt::software
