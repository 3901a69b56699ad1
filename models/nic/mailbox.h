// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The mailboxes between the physical function and its virtual ones, and VF resets as the PF sees them.
// Datasheet 7.10 and 8.14. The hardware carries 16 dwords and flags; what they mean is igb_mailbox_spec.h.
#pragma once

#include <array>
#include <cstdint>

#include "models/nic/igb_spec.h"
#include "models/nic/interrupts.h"

namespace iovirt::nic {

class Mailboxes {
 public:
  explicit Mailboxes(Interrupts& interrupts) : interrupts_(interrupts) { reset(); }

  bool read(std::uint32_t offset, std::uint32_t& value);  ///< false: not a mailbox register
  bool write(std::uint32_t offset, std::uint32_t value);
  bool vf_read(unsigned vf, std::uint32_t offset, std::uint32_t& value);
  bool vf_write(unsigned vf, std::uint32_t offset, std::uint32_t value);

  /// CTRL_EXT.PFRSTD: VFs may go on.
  void pf_reset_done();
  /// The PF was reset.
  void reset();
  /// VF `vf` was reset, by itself or by a function-level reset.
  void vf_was_reset(unsigned vf);

 private:
  struct Box {
    bool vf_owns = false, pf_owns = false;
    std::uint32_t flags = 0;  ///< V2PMAILBOX: PFSTS, PFACK, RSTI, RSTD
    std::array<std::uint32_t, igb::mailbox::kDwords> memory{};
  };
  std::uint32_t p2v(const Box& box) const;
  std::uint32_t read_v2p(Box& box);
  void write_p2v(unsigned vf, std::uint32_t value);
  void write_v2p(unsigned vf, std::uint32_t value);

  Interrupts& interrupts_;
  std::array<Box, igb::kVfs> boxes_{};
  bool pf_ready_ = false;
  std::uint32_t mbvficr_ = 0, mbvfimr_ = 0xff, vflre_ = 0;
};

}  // namespace iovirt::nic
