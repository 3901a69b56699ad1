// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The physical function's side of SR-IOV, as in Linux's igb: creates the VFs, gives them addresses, and serves their
// mailboxes (82576 datasheet 7.10.2.9; the messages are Linux's).
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "lib/frame.h"
#include "models/nic/igb_mailbox_spec.h"
#include "models/software/guest/igb_registers.h"
#include "models/software/guest/pci_device.h"

namespace iovirt::software {

class IgbSriov {
 public:
  struct Counters {
    std::uint64_t resets = 0;     ///< reset messages answered
    std::uint64_t messages = 0;   ///< others
    std::uint64_t refused = 0;    ///< answered with NACK
    std::uint64_t spoofed = 0;    ///< spoof events reported by the device
  };

  IgbSriov(IgbRegisters& registers, unsigned vfs, const std::vector<MacAddress>& macs, bool spoof_check);

  /// Sets NumVFs and VF Enable in the PF's SR-IOV capability. False when there is none or it offers fewer VFs.
  bool enable(Kernel& kernel, PciDevice& pci);
  /// After the PF was reset: VFs off until they have done their reset handshake; loopback, replication, anti-spoof.
  void configure();
  /// The PF is ready: lets the VFs go on (CTRL_EXT.PFRSTD).
  void reset_done();
  /// ICR.VMMB: serves every mailbox.
  void service();
  /// ICR.DOUTSYNC: somebody's frame was stopped by the anti-spoof check.
  void check_spoofing();
  /// Tells every VF that something changed: the link, or the PF's reset.
  void ping();

  unsigned vfs() const { return static_cast<unsigned>(state_.size()); }
  const MacAddress& mac(unsigned vf) const { return state_[vf].mac; }
  /// Assigned by the administrator; effective at once.
  void set_mac(unsigned vf, const MacAddress& mac);
  bool clear_to_send(unsigned vf) const { return state_[vf].clear_to_send; }
  const Counters& counters() const { return counters_; }

 private:
  using Message = std::array<std::uint32_t, nic::igb::mailbox::kDwords>;
  struct Vf {
    MacAddress mac{};
    bool mac_fixed = false;
    bool clear_to_send = false;
    bool multicast_promiscuous = false;
    std::vector<std::uint16_t> multicast;  ///< hashes
  };

  bool lock(unsigned vf);
  void unlock(unsigned vf);
  bool read_message(unsigned vf, Message& message);
  bool write_message(unsigned vf, const Message& message, unsigned dwords);
  bool take_flag(std::uint32_t bits);
  void serve(unsigned vf);
  void reset_message(unsigned vf);
  void forget(unsigned vf);
  bool set_mac_message(unsigned vf, const Message& message);
  bool multicast_message(unsigned vf, const Message& message);
  bool vlan_message(unsigned vf, const Message& message);
  bool max_frame_message(unsigned vf, const Message& message);
  bool promiscuous_message(unsigned vf, const Message& message);
  void apply_multicast(unsigned vf);
  void write_address(unsigned vf);
  void clear_vlans(unsigned vf);

  IgbRegisters& regs_;
  bool spoof_check_;
  std::vector<Vf> state_;
  std::array<std::uint32_t, 128> mta_{};   ///< what was written: the table cannot be read back bit by bit cheaply
  std::array<std::uint32_t, 128> vfta_{};
  Counters counters_;
};

}  // namespace iovirt::software
