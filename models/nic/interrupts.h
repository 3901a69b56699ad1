// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// From causes to messages: ICR and EICR with their masks, IVAR, automatic clearing and masking, and the moderation
// of each of the 25 internal vectors by EITR. Datasheet 7.3 and 8.8. VF n's three vectors are EICR bits 22-3n to 24-3n.
#pragma once

#include <array>
#include <cstdint>

#include "models/nic/config.h"
#include "models/nic/host.h"
#include "models/nic/igb_spec.h"

namespace iovirt::nic {

/// What must reach memory before an interrupt that waited for moderation is sent: write-backs held for batching.
class WriteBackFlush {
 public:
  virtual void flush_queues_of(unsigned vector_bit) = 0;

 protected:
  ~WriteBackFlush() = default;
};

class Interrupts {
 public:
  static constexpr unsigned kNoVector = 32;

  Interrupts(Host& host, const Config& config, PacketLedger* ledger);
  void set_flush(WriteBackFlush& flush) { flush_ = &flush; }
  void set_vfs(unsigned vfs) { vfs_ = vfs; }

  // -- causes ----------------------------------------------------------------------------------------------------------
  void queue_cause(unsigned queue, bool tx);
  /// Bits of ICR.
  void other_cause(std::uint32_t bits);
  /// The PF has written to VF `vf`'s mailbox.
  void mailbox_cause(unsigned vf);

  /// EICR bit that announces `queue`, or kNoVector.
  unsigned vector_of(unsigned queue, bool tx) const;
  /// The journey of the next interrupt behind `bit`; 0 without a ledger.
  NoticeId notice_of(unsigned bit);
  /// The vector's interval runs: an interrupt, and write-backs below their threshold, wait for its end.
  bool waiting(unsigned bit) const { return host_.now() < allowed_at_[bit]; }
  /// flush_queues_of(bit) shall be called when the interval ends.
  void want_flush(unsigned bit);

  // -- registers -----------------------------------------------------------------------------------------------------
  bool read(std::uint32_t offset, std::uint32_t& value);   ///< false: not an interrupt register
  bool write(std::uint32_t offset, std::uint32_t value);
  bool vf_read(unsigned vf, std::uint32_t offset, std::uint32_t& value);
  bool vf_write(unsigned vf, std::uint32_t offset, std::uint32_t value);
  std::uint32_t icr() const { return icr_; }

  void timer(std::uint64_t bit);
  void reset();
  void reset_vf(unsigned vf);
  std::uint64_t sent() const { return sent_; }

 private:
  static constexpr std::uint32_t vf_mask(unsigned vf) { return 7u << igb::vf_vector_bit(vf, 0); }
  static unsigned vf_of(unsigned bit) { return (24 - bit) / 3; }
  bool of_vf(unsigned bit) const { return bit != 0 && vf_of(bit) < vfs_; }
  bool multiple() const { return (gpie_ & igb::kGpieMultipleMsix) != 0; }
  void raise(std::uint32_t bits);
  void enable(std::uint32_t bits);
  void request(unsigned bit);
  void arm(unsigned bit);
  void send(unsigned bit);
  void legacy();
  void write_eitr(unsigned bit, std::uint32_t value);
  std::uint32_t read_icr();

  Host& host_;
  PacketLedger* ledger_;
  WriteBackFlush* flush_ = nullptr;
  Ps unit_;
  unsigned vfs_ = 0;
  std::uint32_t icr_ = 0, ims_ = 0, iam_ = 0;
  std::uint32_t gpie_ = 0, eicr_ = 0, eims_ = 0, eiac_ = 0, eiam_ = 0;
  std::array<std::uint32_t, 8> ivar_{};
  std::uint32_t ivar_misc_ = 0;
  std::array<std::uint32_t, igb::kVfs> vtivar_{}, vtivar_misc_{};
  std::array<std::uint32_t, igb::kInternalVectors> eitr_{};
  std::array<Ps, igb::kInternalVectors> allowed_at_{};
  std::array<Ps, igb::kInternalVectors> armed_at_{};  ///< earliest timer that will come; 0 none
  std::uint32_t pending_ = 0, flush_wanted_ = 0;
  std::array<NoticeId, igb::kInternalVectors> notice_{};
  std::uint64_t sent_ = 0;
};

}  // namespace iovirt::nic
