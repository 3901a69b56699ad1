// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// One direction of a link as its sender sees it: a serialiser, header credits, and the transaction ordering of
// PCIe 5.0, 2.4.1: nothing passes a posted request, posted requests and completions may pass waiting reads.
// TLPs are handles; the owner calls at its own time, in time order.
#pragma once

#include <cstdint>
#include <optional>

#include "lib/ring.h"
#include "models/pcie/link_timing.h"

namespace iovirt::pcie {

enum class Flow : std::uint8_t { posted, nonposted, completion };

class CreditedLink {
 public:
  struct Tlp {
    std::uint64_t handle = 0;
    std::uint32_t wire_bytes = 0;
    Flow flow = Flow::posted;
  };
  struct Launch {
    std::uint64_t handle;
    Flow flow;
    Ps end;  ///< its last symbol leaves
  };
  static constexpr Ps kNever = ~0ull;

  /// Header credits of the receiver; completions have none to wait for (the requester has reserved their room).
  CreditedLink(const LinkTiming& timing, unsigned posted_credits, unsigned nonposted_credits)
      : timing_(timing) {
    credits_[0].limit = posted_credits;
    credits_[1].limit = nonposted_credits;
  }

  /// Nothing waits.
  bool idle() const { return ordered_.empty() && reads_.empty(); }
  /// `tlp` claims the wire at once. None: it must be queued. REQUIRES: idle().
  std::optional<Launch> launch_at_once(const Tlp& tlp, Ps now);
  void queue(const Tlp& tlp, Ps now);
  /// The next TLP to claim the wire at `now`; call until none.
  std::optional<Launch> next(Ps now);
  /// When next() may give more without queue() or give_back(); kNever when nothing waits for a credit on its way.
  Ps wake_at() const;
  /// The receiver has freed a header; the sender knows at `known`. REQUIRES: known does not decrease.
  void give_back(Flow flow, Ps known);

  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t tlps() const { return tlps_; }
  /// Time TLPs at the head waited for a credit while the wire was free.
  Ps stalled() const { return stalled_; }

 private:
  struct Waiting {
    Tlp tlp;
    Ps since = 0;
    std::uint64_t barrier = 0;  // of a read: how many posted and completions were queued before it
  };
  struct Credits {
    unsigned limit = 0, used = 0;
    Ring<Ps> returning;
    bool take(Ps now);
  };
  Launch launch(const Tlp& tlp, Ps since, Ps now);
  Credits& credits(Flow flow) { return credits_[flow == Flow::posted ? 0 : 1]; }

  LinkTiming timing_;
  Credits credits_[2];
  Ring<Waiting> ordered_;  // posted and completions
  Ring<Waiting> reads_;
  std::uint64_t ordered_queued_ = 0, ordered_sent_ = 0;
  Ps free_ = 0;
  Ps stalled_ = 0;
  std::uint64_t bytes_ = 0, tlps_ = 0;
};

}  // namespace iovirt::pcie
