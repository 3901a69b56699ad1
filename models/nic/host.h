// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the controller needs of the world around it: the bus, the wire, a clock. The shell implements it over PCIe.
#pragma once

#include <cstdint>
#include <span>

#include "lib/frame.h"
#include "lib/packet_ledger.h"
#include "lib/time.h"

namespace iovirt::nic {

/// Why a frame came to nothing.
enum class Drop : std::uint8_t {
  link_down,      ///< or the receiver is off
  overrun,        ///< the receive buffer was full
  no_descriptor,  ///< the queue may drop (SRRCTL.DROP_EN, QDE) and had none, or could never hold the frame
  filtered,       ///< no pool wants the address or VLAN, or the pool's queue is off
  oversize,       ///< longer than LPE and RLPML allow
  spoofed,        ///< anti-spoof check of the sending pool
  malformed,      ///< transmit descriptors that make no frame
  dma_error,      ///< descriptor or data could not be moved
  reset           ///< in the device when it was reset
};
inline constexpr unsigned kDropReasons = 9;
const char* name(Drop reason);

/// Which part of a packet a transfer carries.
struct DmaPacket {
  PacketId packet = 0;
  bool first = false;
  bool last = false;
};

/// `function`: 0 the PF, n + 1 VF n. `token` is the controller's own and comes back with the completion.
class Host {
 public:
  virtual Ps now() const = 0;
  /// Answered by Core::dma_read_done, never before this returns.
  virtual void dma_read(unsigned function, std::uint64_t address, std::uint32_t bytes, std::uint64_t token, DmaPacket packet) = 0;
  /// Posted: order among writes and interrupts is kept; the bytes are copied. Answered by Core::dma_write_done.
  virtual void dma_write(unsigned function, std::uint64_t address, std::span<const std::uint8_t> bytes, std::uint64_t token,
                         DmaPacket packet) = 0;
  virtual void msix(unsigned function, unsigned vector, NoticeId notice) = 0;
  /// Core::timer(what, arg) at `at`, which is not before now(); cannot be taken back.
  virtual void start_timer(Ps at, std::uint32_t what, std::uint64_t arg) = 0;
  /// The frame's last bit leaves now.
  virtual void frame_out(Frame&& frame) = 0;
  /// The packet will go nowhere.
  virtual void frame_dropped(PacketId packet, Drop reason) = 0;

 protected:
  ~Host() = default;
};

}  // namespace iovirt::nic
