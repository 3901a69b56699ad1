// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/credited_link.h"

#include <algorithm>

namespace iovirt::pcie {

bool CreditedLink::Credits::take(Ps now) {
  while (used == limit && !returning.empty() && returning.front() <= now) {
    returning.pop();
    --used;
  }
  if (used == limit) return false;
  ++used;
  return true;
}

std::optional<CreditedLink::Launch> CreditedLink::launch_at_once(const Tlp& tlp, Ps now) {
  if (tlp.flow != Flow::completion && !credits(tlp.flow).take(std::max(now, free_))) return std::nullopt;
  return launch(tlp, now, now);
}

void CreditedLink::queue(const Tlp& tlp, Ps now) {
  if (tlp.flow == Flow::nonposted) {
    reads_.push({tlp, now, ordered_queued_});
  } else {
    ++ordered_queued_;
    ordered_.push({tlp, now, 0});
  }
}

std::optional<CreditedLink::Launch> CreditedLink::next(Ps now) {
  // A credit counts that is there when the wire is. A read goes first when it was queued first and can go; otherwise
  // what is ordered behind it may pass.
  const Ps start = std::max(now, free_);
  if (!reads_.empty() && reads_.front().barrier <= ordered_sent_ && credits(Flow::nonposted).take(start)) {
    const Waiting waiting = reads_.front();
    reads_.pop();
    return launch(waiting.tlp, waiting.since, now);
  }
  if (!ordered_.empty() && (ordered_.front().tlp.flow == Flow::completion || credits(Flow::posted).take(start))) {
    const Waiting waiting = ordered_.front();
    ordered_.pop();
    ++ordered_sent_;
    return launch(waiting.tlp, waiting.since, now);
  }
  return std::nullopt;
}

CreditedLink::Launch CreditedLink::launch(const Tlp& tlp, Ps since, Ps now) {
  const Ps could = std::max(since, free_);
  const Ps start = std::max(now, free_);
  stalled_ += start - could;
  free_ = start + timing_.time(tlp.wire_bytes);
  bytes_ += tlp.wire_bytes;
  ++tlps_;
  return {tlp.handle, tlp.flow, free_};
}

Ps CreditedLink::wake_at() const {
  Ps at = kNever;
  if (!ordered_.empty() && !credits_[0].returning.empty()) at = credits_[0].returning.front();
  if (!reads_.empty() && reads_.front().barrier <= ordered_sent_ && !credits_[1].returning.empty())
    at = std::min(at, credits_[1].returning.front());
  return at;
}

void CreditedLink::give_back(Flow flow, Ps known) {
  Credits& pool = credits(flow);
  pool.returning.push(known);
}

}  // namespace iovirt::pcie
