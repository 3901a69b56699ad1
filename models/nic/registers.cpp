// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The physical function's registers that are not rings, interrupts or mailboxes: reset values, masks, side effects.

#include "models/nic/core.h"

namespace iovirt::nic {

using namespace igb;

void Core::define_registers() {
  FilterRegisters& f = p_.filters;
  const auto plain = [this](const char* name, std::uint32_t offset, std::uint32_t reset, std::uint32_t writable) {
    bank_.add({.name = name, .offset = offset, .reset = reset, .writable = writable});
  };
  bank_.add({.name = "CTRL", .offset = CTRL, .reset = 0x0010'0209, .writable = ~std::uint64_t{kCtrlRst | kCtrlPhyRst}},
            [this](std::uint64_t written, std::uint64_t) { write_ctrl(static_cast<std::uint32_t>(written)); }, {});
  bank_.add({.name = "STATUS", .offset = STATUS}, {}, [this](std::uint64_t) { return status(); });
  bank_.add({.name = "EECD", .offset = EECD, .reset = kEecdPres | kEecdAutoRd | static_cast<std::uint32_t>(EecdSize::of(2)), .writable = 0x4f}, {},
            [](std::uint64_t stored) { return stored | ((stored & kEecdReq) != 0 ? kEecdGnt : 0); });
  bank_.add({.name = "EERD", .offset = EERD, .writable = 0xffff'ffff},
            [this](std::uint64_t written, std::uint64_t) { bank_[EERD] = board_.eerd(static_cast<std::uint32_t>(written)); }, {});
  bank_.add({.name = "CTRL_EXT", .offset = CTRL_EXT, .writable = 0xff3f'ffff},
            [this](std::uint64_t written, std::uint64_t) {
              if ((written & kCtrlExtPfRstd) != 0) mailboxes_.pf_reset_done();
            }, {});
  bank_.add({.name = "MDIC", .offset = MDIC, .reset = kMdicReady, .writable = 0xffff'ffff},
            [this](std::uint64_t written, std::uint64_t) {
              bool restarted = false;
              bank_[MDIC] = board_.mdic(static_cast<std::uint32_t>(written), restarted);
              tx_.set_loopback(board_.phy_loopback() || RctlLbm::get(p_.filters.rctl) == 3);
              if (restarted) start_link();
            }, {});
  bank_.add({.name = "RCTL", .offset = RCTL, .writable = 0x04cf'b0fe},
            [this](std::uint64_t, std::uint64_t) {
              p_.filters.rctl = static_cast<std::uint32_t>(bank_[RCTL]);
              tx_.set_loopback(board_.phy_loopback() || RctlLbm::get(p_.filters.rctl) == 3);
              filters_changed();
            }, {});
  bank_.add({.name = "TCTL", .offset = TCTL, .writable = 0xffff'ffff},
            [this](std::uint64_t written, std::uint64_t) {
              tx_.set_enabled((written & kTctlEn) != 0);
              for (unsigned q = 0; q < p_.config.queues; ++q) tx_.kick(q);
            }, {});
  bank_.add({.name = "SWSM", .offset = SWSM, .writable = 3},
            [this](std::uint64_t written, std::uint64_t) { board_.write_swsm(static_cast<std::uint32_t>(written)); },
            [this](std::uint64_t) { return board_.read_swsm(); });
  bank_.add({.name = "WVBR", .offset = WVBR}, {}, [this](std::uint64_t) { return tx_.take_wrong_sender(); });
  bank_.add({.name = "RTTDQSEL", .offset = RTTDQSEL, .writable = 0xf},
            [this](std::uint64_t written, std::uint64_t) { rate_queue_ = written & 0xf; }, {});
  bank_.add({.name = "RTTBCNRC", .offset = RTTBCNRC, .writable = 0xffff'ffff},
            [this](std::uint64_t written, std::uint64_t) {
              TxPath::Queue& q = tx_.queue(rate_queue_);
              q.rate = static_cast<std::uint32_t>(written & (kRttEnable | RttInteger::mask | RttFraction::mask));
              q.allowed_at = 0;
              tx_.pump();
            }, [this](std::uint64_t) { return tx_.queue(rate_queue_).rate; });
  plain("RTTBCNRM", RTTBCNRM, 0, 0xffff'ffff);
  plain("FLA", FLA, 0, 0);
  plain("FCAL", FCAL, 0x00c2'8001, 0xffff'ffff);
  plain("FCAH", FCAH, 0x0100, 0xffff);
  plain("FCT", FCT, 0x8808, 0xffff);
  plain("CONNSW", CONNSW, 0, 0xffff'ffff);
  plain("VET", VET, 0x8100'8100, 0xffff'ffff);
  plain("LEDCTL", LEDCTL, 0x0706'8302, 0xffff'ffff);
  plain("FCTTV", FCTTV, 0, 0xffff);
  plain("TCTL_EXT", TCTL_EXT, 0x4240'0040, 0xffff'ffff);
  plain("TIPG", TIPG, 0x0060'200a, 0x3fff'ffff);
  plain("EEMNGCTL", EEMNGCTL, kEemngctlCfgDone0, 0);
  plain("FCRTL0", FCRTL0, 0, 0x8000'fff8);
  plain("FCRTH0", FCRTH0, 0, 0xfff0);
  plain("FCRTV", FCRTV, 0, 0xffff);
  plain("RXPBS", RXPBS, 0x40, 0x7f);
  plain("TXPBS", TXPBS, 0x28, 0x7f);
  plain("DTXCTL", DTXCTL, 0x8002'0bfc, 0xffff'ffff);
  plain("RXCSUM", RXCSUM, 0x300, 0x3fff);
  plain("RFCTL", RFCTL, 0, 0xffff'ffff);
  plain("WUC", WUC, 0, 0xffff'ffff);
  plain("WUFC", WUFC, 0, 0xffff'ffff);
  plain("MANC", MANC, 0, 0);
  plain("FWSM", FWSM, 0, 0);
  plain("SW_FW_SYNC", SW_FW_SYNC, 0, 0x0000'ffff);
  plain("GCR", GCR, 0, 0xffff'ffff);
  // What the switch reads at every frame lies in p_.filters; the bank does the masks.
  const auto filter = [&](const char* name, std::uint32_t offset, std::uint32_t& shadow, std::uint32_t reset, std::uint32_t writable) {
    shadow = reset;
    bank_.add({.name = name, .offset = offset, .reset = reset, .writable = writable},
              [this, offset, &shadow](std::uint64_t, std::uint64_t) {
                shadow = static_cast<std::uint32_t>(bank_[offset]);
                filters_changed();
              }, {});
  };
  filter("MRQC", MRQC, f.mrqc, 0, 0xffff'ffff);
  filter("VT_CTL", VT_CTL, f.vt_ctl, 0, 0x7000'0380);
  filter("RLPML", RLPML, f.rlpml, 0x2600, 0x3fff);
  filter("RPLOLR", RPLOLR, f.rplolr, 0, 0xc000'3fff);
  filter("DTXSWC", DTXSWC, f.dtxswc, 0, 0x80ff'ffff);
  filter("QDE", QDE, f.qde, 0, 0xffff);
  filter("VFRE", VFRE, f.vfre, 0xff, 0xff);
  filter("VFTE", VFTE, f.vfte, 0xff, 0xff);
}

void Core::define_tables() {
  FilterRegisters& f = p_.filters;
  const auto table = [this](std::uint32_t first, std::uint32_t stride, std::size_t count, std::uint32_t writable, std::uint32_t* values) {
    tables_.push_back({first, stride, static_cast<std::uint32_t>(count), writable, values});
  };
  table(RAL0, 8, 16, 0xffff'ffff, f.ral.data());
  table(RAH0, 8, 16, 0x83fc'ffff, f.rah.data());
  table(RAL16, 8, 8, 0xffff'ffff, f.ral.data() + 16);
  table(RAH16, 8, 8, 0x83fc'ffff, f.rah.data() + 16);
  table(VMOLR0, 4, kPools, 0xdf03'3fff, f.vmolr.data());
  table(VMVIR0, 4, kPools, 0xc000'ffff, f.vmvir.data());
  table(VLVF0, 4, f.vlvf.size(), 0x801f'ffff, f.vlvf.data());
  table(MTA0, 4, f.mta.size(), 0xffff'ffff, f.mta.data());
  table(UTA0, 4, f.uta.size(), 0xffff'ffff, f.uta.data());
  table(VFTA0, 4, f.vfta.size(), 0xffff'ffff, f.vfta.data());
  table(PSRTYPE0, 4, 4, 0xffff'ffff, psrtype_low_.data());
  table(PSRTYPE0 + 16, 4, 4, 0xffff'ffff, psrtype_high_.data());
  table(RETA0, 4, reta_.size(), 0xffff'ffff, reta_.data());
  table(RSSRK0, 4, rss_key_.size(), 0xffff'ffff, rss_key_.data());
}

const Core::Table* Core::table_at(std::uint32_t offset, std::uint32_t& index) const {
  for (const Table& table : tables_) {
    if (offset < table.first || offset >= table.first + table.stride * table.count) continue;
    const std::uint32_t distance = offset - table.first;
    if (distance % table.stride != 0) continue;
    index = distance / table.stride;
    return &table;
  }
  return nullptr;
}

std::uint32_t Core::status() const {
  const std::uint64_t ctrl = bank_.at(CTRL);
  std::uint64_t value = 0x8000'0000 | kStatusFd | kStatusSpeed1000 | kStatusPhyra | kStatusPfRstDone;
  if (link_up_) value |= kStatusLu;
  if ((ctrl & kCtrlGioMasterDisable) == 0) value |= kStatusGioMasterEnable;
  if (p_.vfs != 0) value = StatusNumVfs::set(value | kStatusIov, p_.vfs);
  return static_cast<std::uint32_t>(value);
}

void Core::write_ctrl(std::uint32_t written) {
  if ((written & kCtrlRst) != 0) return reset_device();
  p_.filters.ctrl = static_cast<std::uint32_t>(bank_[CTRL]);
  if ((written & kCtrlPhyRst) != 0) {
    board_.reset_phy();
    start_link();
  }
}

}  // namespace iovirt::nic
