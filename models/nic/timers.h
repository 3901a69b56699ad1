// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The controller's timers: what Host::start_timer and Core::timer pass back and forth.
#pragma once

#include <cstdint>

namespace iovirt::nic::timers {

enum : std::uint32_t {
  kModeration,  ///< arg: EICR bit
  kWireIn,      ///< the last bit of the oldest frame on the wire has arrived
  kRxReady,     ///< the oldest frame in the receive pipeline has left it
  kTxReady,     ///< the oldest frame in the transmit pipeline has left it
  kWireOut,     ///< the last bit of the frame being sent has left
  kTxRate,      ///< a rate-limited queue may send again
  kLinkUp       ///< arg: which reset it belongs to
};

}  // namespace iovirt::nic::timers
