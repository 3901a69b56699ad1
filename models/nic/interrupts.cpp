// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/nic/interrupts.h"

#include <bit>

#include "models/nic/timers.h"

namespace iovirt::nic {

using namespace igb;

Interrupts::Interrupts(Host& host, const Config& config, PacketLedger* ledger)
    : host_(host), ledger_(ledger), unit_(ns_to_ps(config.itr_unit_ns)) {}

// ---- causes -----------------------------------------------------------------------------------------------------------

unsigned Interrupts::vector_of(unsigned queue, bool tx) const {
  const unsigned pool = queue % kPools;
  if (pool < vfs_) {
    // 8.14: bytes Rx0, Tx0, Rx1, Tx1 of the VF's own queues.
    const auto entry = static_cast<std::uint8_t>(vtivar_[pool] >> (8 * ivar_byte(queue, tx)));
    const auto vector = static_cast<unsigned>(Field<1, 0>::get(entry));
    return (entry & kIvarValid) != 0 && vector < kVfVectors ? vf_vector_bit(pool, vector) : kNoVector;
  }
  const auto entry = static_cast<std::uint8_t>(ivar_[pool] >> (8 * ivar_byte(queue, tx)));
  const auto vector = static_cast<unsigned>(IvarVector::get(entry));
  return (entry & kIvarValid) != 0 && vector < kInternalVectors ? vector : kNoVector;
}

NoticeId Interrupts::notice_of(unsigned bit) {
  if (ledger_ == nullptr || bit >= kInternalVectors) return 0;
  if (notice_[bit] == 0) notice_[bit] = ledger_->open_notice();
  return notice_[bit];
}

void Interrupts::queue_cause(unsigned queue, bool tx) {
  const unsigned bit = vector_of(queue, tx);
  if (bit != kNoVector && (multiple() || of_vf(bit))) raise(1u << bit);
  if (!multiple() && queue % kPools >= vfs_) {
    if (bit != kNoVector) eicr_ |= 1u << bit;
    other_cause(tx ? kIcrTxdw : kIcrRxdw);
  }
}

void Interrupts::other_cause(std::uint32_t bits) {
  icr_ |= bits;
  if ((icr_ & ims_ & bits) == 0) return;
  if (!multiple()) return legacy();
  const auto entry = static_cast<std::uint8_t>(ivar_misc_ >> (8 * kIvarMiscOther));
  const auto vector = static_cast<unsigned>(IvarVector::get(entry));
  if ((entry & kIvarValid) != 0 && vector < kInternalVectors) raise(1u << vector);
}

void Interrupts::mailbox_cause(unsigned vf) {
  const std::uint32_t entry = vtivar_misc_[vf];
  const auto vector = static_cast<unsigned>(Field<1, 0>::get(entry));
  if (vf < vfs_ && (entry & kIvarValid) != 0 && vector < kVfVectors) raise(1u << vf_vector_bit(vf, vector));
}

// ---- from EICR to a message -------------------------------------------------------------------------------------------

void Interrupts::raise(std::uint32_t bits) {
  eicr_ |= bits;
  for (std::uint32_t left = bits & eims_; left != 0; left &= left - 1) request(static_cast<unsigned>(std::countr_zero(left)));
}

void Interrupts::enable(std::uint32_t bits) {
  const std::uint32_t fresh = bits & ~eims_;
  eims_ |= bits;
  // What happened while the vector was masked is announced now (7.3).
  for (std::uint32_t left = fresh & eicr_; left != 0; left &= left - 1)
    request(static_cast<unsigned>(std::countr_zero(left)));
}

void Interrupts::request(unsigned bit) {
  if (waiting(bit)) {
    pending_ |= 1u << bit;
    arm(bit);
  } else {
    send(bit);
  }
}

void Interrupts::want_flush(unsigned bit) {
  flush_wanted_ |= 1u << bit;
  arm(bit);
}

void Interrupts::arm(unsigned bit) {
  if (armed_at_[bit] != 0 && armed_at_[bit] <= allowed_at_[bit]) return;
  armed_at_[bit] = allowed_at_[bit];
  host_.start_timer(allowed_at_[bit], timers::kModeration, bit);
}

void Interrupts::timer(std::uint64_t index) {
  const auto bit = static_cast<unsigned>(index);
  const std::uint32_t mask = 1u << bit;
  const Ps now = host_.now();
  if (armed_at_[bit] != 0 && armed_at_[bit] <= now) armed_at_[bit] = 0;
  if (((pending_ | flush_wanted_) & mask) == 0) return;
  if (waiting(bit)) return arm(bit);
  if ((flush_wanted_ & mask) != 0) {
    flush_wanted_ &= ~mask;
    if (flush_) flush_->flush_queues_of(bit);  // may raise the cause, and then sends at once
  }
  if ((pending_ & mask) == 0 || waiting(bit)) return;
  pending_ &= ~mask;
  if (!multiple() && !of_vf(bit)) {
    if ((icr_ & ims_) != 0) legacy();
  } else if ((eicr_ & eims_ & mask) != 0) {
    send(bit);
  }
}

void Interrupts::send(unsigned bit) {
  const std::uint32_t mask = 1u << bit;
  pending_ &= ~mask;
  allowed_at_[bit] = host_.now() + EitrInterval::get(eitr_[bit]) * unit_;
  eicr_ &= ~(eiac_ & mask);
  const bool vf = of_vf(bit);
  if (vf || (gpie_ & kGpieEiame) != 0) eims_ &= ~(eiam_ & mask);
  ++sent_;
  if (vf)
    host_.msix(vf_of(bit) + 1, bit - vf_vector_bit(vf_of(bit), 0), notice_of(bit));
  else
    host_.msix(0, bit, notice_of(bit));
}

void Interrupts::legacy() {
  icr_ |= kIcrInta;
  if (waiting(0)) {
    pending_ |= 1;
    return arm(0);
  }
  allowed_at_[0] = host_.now() + EitrInterval::get(eitr_[0]) * unit_;
  ++sent_;
  host_.msix(0, 0, notice_of(0));
}

// ---- registers --------------------------------------------------------------------------------------------------------

std::uint32_t Interrupts::read_icr() {
  const std::uint32_t value = icr_;
  // 8.8: cleared by a read when GPIE.NSICR, or nothing is enabled, or an interrupt was asserted.
  if ((gpie_ & kGpieNsicr) != 0 || ims_ == 0 || (icr_ & kIcrInta) != 0) {
    if ((icr_ & kIcrInta) != 0) ims_ &= ~iam_;
    icr_ = 0;
  }
  return value;
}

void Interrupts::write_eitr(unsigned bit, std::uint32_t value) {
  eitr_[bit] = value & EitrInterval::mask;
  if ((value & kEitrCountIgnore) != 0) return;
  allowed_at_[bit] = host_.now() + EitrCounter::get(value) * unit_;
  if (((pending_ | flush_wanted_) >> bit & 1) != 0) arm(bit);
}

bool Interrupts::read(std::uint32_t offset, std::uint32_t& value) {
  if (offset >= EITR0 && offset < EITR(kInternalVectors)) return value = eitr_[(offset - EITR0) / 4], true;
  if (offset >= IVAR0 && offset < IVAR0 + 32) return value = ivar_[(offset - IVAR0) / 4], true;
  if (offset >= VTIVAR0 && offset < VTIVAR0 + 32) return value = vtivar_[(offset - VTIVAR0) / 4], true;
  if (offset >= VTIVAR_MISC0 && offset < VTIVAR_MISC0 + 32) return value = vtivar_misc_[(offset - VTIVAR_MISC0) / 4], true;
  switch (offset) {
    case ICR: value = read_icr(); return true;
    case ICS: value = 0; return true;
    case IMS: value = ims_; return true;
    case IMC: value = 0; return true;
    case IAM: value = iam_; return true;
    case GPIE: value = gpie_; return true;
    case EICS: value = 0; return true;
    case EIMS: value = eims_; return true;
    case EIMC: value = 0; return true;
    case EIAC: value = eiac_; return true;
    case EIAM: value = eiam_; return true;
    case EICR:
      value = eicr_;
      if (!multiple()) {  // 8.8: cleared by a read only without Multiple_MSIX
        eims_ &= ~eiam_;
        eicr_ = 0;
      }
      return true;
    case IVAR_MISC: value = ivar_misc_; return true;
    default: return false;
  }
}

bool Interrupts::write(std::uint32_t offset, std::uint32_t value) {
  if (offset >= EITR0 && offset < EITR(kInternalVectors)) return write_eitr((offset - EITR0) / 4, value), true;
  if (offset >= IVAR0 && offset < IVAR0 + 32) return ivar_[(offset - IVAR0) / 4] = value & 0x9f9f'9f9f, true;
  if (offset >= VTIVAR0 && offset < VTIVAR0 + 32) return vtivar_[(offset - VTIVAR0) / 4] = value & 0x8383'8383, true;
  if (offset >= VTIVAR_MISC0 && offset < VTIVAR_MISC0 + 32)
    return vtivar_misc_[(offset - VTIVAR_MISC0) / 4] = value & 0x83, true;
  const std::uint32_t vectors = multiple() ? kEicrVectors : kEicrVectors | kEicrOther | kEicrTcpTimer;
  switch (offset) {
    case ICR: icr_ &= ~value; return true;
    case ICS: other_cause(value & kIcrMask); return true;
    case IMS: {
      const std::uint32_t fresh = value & kIcrMask & ~ims_;
      ims_ |= value & kIcrMask;
      if ((icr_ & fresh) != 0) other_cause(icr_ & fresh);
      return true;
    }
    case IMC: ims_ &= ~value; return true;
    case IAM: iam_ = value; return true;
    case GPIE: gpie_ = value & 0xc000'0f11; return true;
    case EICS: raise(value & kEicrVectors); return true;
    case EIMS:
      eims_ |= value & vectors & ~kEicrVectors;
      enable(value & kEicrVectors);
      return true;
    case EIMC: eims_ &= ~value; return true;
    case EIAC: eiac_ = value & kEicrVectors; return true;
    case EIAM: eiam_ = value & vectors; return true;
    case EICR: eicr_ &= ~value; return true;
    case IVAR_MISC: ivar_misc_ = value & 0x9f9f; return true;
    default: return false;
  }
}

bool Interrupts::vf_read(unsigned vf, std::uint32_t offset, std::uint32_t& value) {
  const unsigned shift = vf_vector_bit(vf, 0);
  if (offset >= VTEITR0 && offset < VTEITR0 + 4 * kVfVectors) return value = eitr_[shift + (offset - VTEITR0) / 4], true;
  switch (offset) {
    case VTEICS: case VTEIMC: value = 0; return true;
    case VTEIMS: value = eims_ >> shift & 7; return true;
    case VTEIAC: value = eiac_ >> shift & 7; return true;
    case VTEIAM: value = eiam_ >> shift & 7; return true;
    case VTEICR: value = eicr_ >> shift & 7; return true;
    case VF_VTIVAR: value = vtivar_[vf]; return true;
    case VF_VTIVAR_MISC: value = vtivar_misc_[vf]; return true;
    default: return false;
  }
}

bool Interrupts::vf_write(unsigned vf, std::uint32_t offset, std::uint32_t value) {
  const unsigned shift = vf_vector_bit(vf, 0);
  const std::uint32_t bits = (value & 7) << shift;
  if (offset >= VTEITR0 && offset < VTEITR0 + 4 * kVfVectors)
    return write_eitr(shift + (offset - VTEITR0) / 4, value), true;
  switch (offset) {
    case VTEICS: raise(bits); return true;
    case VTEIMS: enable(bits); return true;
    case VTEIMC: eims_ &= ~bits; return true;
    case VTEIAC: eiac_ = (eiac_ & ~vf_mask(vf)) | bits; return true;
    case VTEIAM: eiam_ = (eiam_ & ~vf_mask(vf)) | bits; return true;
    case VTEICR: eicr_ &= ~bits; return true;
    case VF_VTIVAR: vtivar_[vf] = value & 0x8383'8383; return true;
    case VF_VTIVAR_MISC: vtivar_misc_[vf] = value & 0x83; return true;
    default: return false;
  }
}

void Interrupts::reset_vf(unsigned vf) {
  const std::uint32_t mask = vf_mask(vf);
  eicr_ &= ~mask;
  eims_ &= ~mask;
  eiac_ &= ~mask;
  eiam_ &= ~mask;
  pending_ &= ~mask;
  flush_wanted_ &= ~mask;
  vtivar_[vf] = vtivar_misc_[vf] = 0;
  for (unsigned v = 0; v < kVfVectors; ++v) eitr_[vf_vector_bit(vf, v)] = 0, allowed_at_[vf_vector_bit(vf, v)] = 0;
}

void Interrupts::reset() {
  icr_ = ims_ = iam_ = gpie_ = eicr_ = eims_ = eiac_ = eiam_ = ivar_misc_ = pending_ = flush_wanted_ = 0;
  ivar_.fill(0);
  vtivar_.fill(0);
  vtivar_misc_.fill(0);
  eitr_.fill(0);
  allowed_at_.fill(0);  // a timer on its way finds nothing pending
}

}  // namespace iovirt::nic
