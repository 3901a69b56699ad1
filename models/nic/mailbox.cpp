// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/mailbox.h"

namespace iovirt::nic {

using namespace igb;

std::uint32_t Mailboxes::p2v(const Box& box) const { return (box.vf_owns ? kP2vVfu : 0) | (box.pf_owns ? kP2vPfu : 0); }

std::uint32_t Mailboxes::read_v2p(Box& box) {
  const std::uint32_t value = box.flags | (box.vf_owns ? kV2pVfu : 0) | (box.pf_owns ? kV2pPfu : 0);
  box.flags &= ~(kV2pPfSts | kV2pPfAck | kV2pRstd);  // cleared by a read
  return value;
}

void Mailboxes::write_p2v(unsigned vf, std::uint32_t value) {
  Box& box = boxes_[vf];
  if ((value & kP2vRvfu) != 0) box.vf_owns = false;
  // Whoever asks first has the buffer; the other's request stays without effect.
  box.pf_owns = (value & kP2vPfu) != 0 && !box.vf_owns;
  if ((value & kP2vSts) != 0) box.flags |= kV2pPfSts;
  if ((value & kP2vAck) != 0) box.flags |= kV2pPfAck;
  if ((value & (kP2vSts | kP2vAck)) != 0) interrupts_.mailbox_cause(vf);
}

void Mailboxes::write_v2p(unsigned vf, std::uint32_t value) {
  Box& box = boxes_[vf];
  box.vf_owns = (value & kV2pVfu) != 0 && !box.pf_owns;
  if ((value & kV2pReq) != 0) mbvficr_ |= static_cast<std::uint32_t>(MbvficrReq::of(1u << vf));
  if ((value & kV2pAck) != 0) mbvficr_ |= static_cast<std::uint32_t>(MbvficrAck::of(1u << vf));
  if ((value & (kV2pReq | kV2pAck)) != 0 && (mbvfimr_ >> vf & 1) != 0) interrupts_.other_cause(kIcrVmmb);
}

bool Mailboxes::read(std::uint32_t offset, std::uint32_t& value) {
  if (offset >= VMBMEM0 && offset < VMBMEM(kVfs))
    return value = boxes_[(offset - VMBMEM0) / 64].memory[(offset - VMBMEM0) % 64 / 4], true;
  if (offset >= P2VMAILBOX0 && offset < P2VMAILBOX(kVfs)) return value = p2v(boxes_[(offset - P2VMAILBOX0) / 4]), true;
  if (offset >= V2PMAILBOX0 && offset < V2PMAILBOX0 + 4 * kVfs)
    return value = read_v2p(boxes_[(offset - V2PMAILBOX0) / 4]), true;
  switch (offset) {
    case MBVFICR: value = mbvficr_; return true;
    case MBVFIMR: value = mbvfimr_; return true;
    case VFLRE: value = vflre_; return true;
    default: return false;
  }
}

bool Mailboxes::write(std::uint32_t offset, std::uint32_t value) {
  if (offset >= VMBMEM0 && offset < VMBMEM(kVfs))
    return boxes_[(offset - VMBMEM0) / 64].memory[(offset - VMBMEM0) % 64 / 4] = value, true;
  if (offset >= P2VMAILBOX0 && offset < P2VMAILBOX(kVfs)) return write_p2v((offset - P2VMAILBOX0) / 4, value), true;
  if (offset >= V2PMAILBOX0 && offset < V2PMAILBOX0 + 4 * kVfs) return write_v2p((offset - V2PMAILBOX0) / 4, value), true;
  switch (offset) {
    case MBVFICR: mbvficr_ &= ~value; return true;
    case MBVFIMR: mbvfimr_ = value & 0xff; return true;
    case VFLRE: vflre_ &= ~value; return true;
    default: return false;
  }
}

bool Mailboxes::vf_read(unsigned vf, std::uint32_t offset, std::uint32_t& value) {
  if (offset >= VF_VMBMEM && offset < VF_VMBMEM + 64) return value = boxes_[vf].memory[(offset - VF_VMBMEM) / 4], true;
  if (offset == V2PMAILBOX) return value = read_v2p(boxes_[vf]), true;
  return false;
}

bool Mailboxes::vf_write(unsigned vf, std::uint32_t offset, std::uint32_t value) {
  if (offset >= VF_VMBMEM && offset < VF_VMBMEM + 64) return boxes_[vf].memory[(offset - VF_VMBMEM) / 4] = value, true;
  if (offset == V2PMAILBOX) return write_v2p(vf, value), true;
  return false;
}

void Mailboxes::pf_reset_done() {
  pf_ready_ = true;
  for (Box& box : boxes_) box.flags = (box.flags & ~kV2pRsti) | kV2pRstd;
}

void Mailboxes::reset() {
  pf_ready_ = false;
  for (Box& box : boxes_) {
    box.vf_owns = box.pf_owns = false;
    box.flags = kV2pRsti;
  }
  mbvficr_ = vflre_ = 0;
  mbvfimr_ = 0xff;
}

void Mailboxes::vf_was_reset(unsigned vf) {
  Box& box = boxes_[vf];
  box.vf_owns = box.pf_owns = false;
  box.flags = pf_ready_ ? kV2pRstd : kV2pRsti;
  mbvficr_ &= ~static_cast<std::uint32_t>(MbvficrReq::of(1u << vf) | MbvficrAck::of(1u << vf));
  vflre_ |= 1u << vf;
  interrupts_.other_cause(kIcrVmmb);
}

}  // namespace iovirt::nic
