// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A resource that serves one at a time in the order of arrival, claimed in time order: a wire, a memory channel.
#pragma once

#include <cassert>

#include "lib/time.h"

namespace iovirt {

class TimedResource {
 public:
  /// Serves whoever asks at `now` for `service`, as soon as those before are through; returns when that begins.
  /// REQUIRES: `now` is not before the previous claim's: claims made ahead of time would overtake earlier ones.
  Ps claim(Ps now, Ps service) {
    assert(now >= claimed_);
    claimed_ = now;
    const Ps start = now < free_ ? free_ : now;
    free_ = start + service;
    return start;
  }

  /// When the last claim so far is through: 0 before the first.
  Ps free_at() const { return free_; }

 private:
  Ps claimed_ = 0;
  Ps free_ = 0;
};

}  // namespace iovirt
