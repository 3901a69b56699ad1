// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/guest/rogue.h"

#include "models/nic/igb_descriptor_spec.h"
#include "models/nic/igb_spec.h"

namespace iovirt::software {
namespace {

namespace igb = nic::igb;

constexpr unsigned kEntries = 8;
constexpr unsigned kQueue = 1;
constexpr unsigned kEveryFrames = 4;
/// Interrupt handles that are somebody else's, or nobody's.
constexpr std::uint32_t kForged[] = {0, 1, 0x3ff, 0x7fff};

}  // namespace

std::uint64_t RogueDmaKernel::dma_map(Bdf, std::uint64_t address, std::size_t bytes) {
  const bool receive = bytes == kBufferBytes;
  return receive && ++mapped_ % kEvery == 0 ? address + memory_end() : address;
}

void RogueDmaKernel::dma_unmap(Bdf, std::uint64_t, std::size_t) {}

RogueMsiDriver::RogueMsiDriver(Kernel& kernel, Bdf function, std::unique_ptr<NetDriver> driver)
    : kernel_(kernel), pci_(kernel, function), driver_(std::move(driver)) {}

void RogueMsiDriver::open() {
  driver_->open();
  registers_ = pci_.bar(0);
  ring_ = kernel_.allocate(kEntries * igb::kDescriptorBytes, 128);
}

bool RogueMsiDriver::transmit(unsigned queue, std::uint64_t buffer, std::uint64_t address, std::uint32_t bytes, bool more) {
  if (++transmits_ % kEveryFrames == 0 && attacks_ < std::size(kForged)) attack();
  return driver_->transmit(queue, buffer, address, bytes, more);
}

// The second queue is set up anew each time: its head write-back goes to 0xfee00000 | handle, remappable format.
void RogueMsiDriver::attack() {
  const std::uint64_t regs = registers_ + igb::vf_tx_ring(kQueue);
  const std::uint32_t message = 0xfee00000u | (kForged[attacks_] & 0x7fff) << 5 | 1u << 4;
  ++attacks_;
  const std::uint64_t frame = kernel_.allocate_buffer();
  kernel_.writel(regs + igb::TXDCTL, 0);
  kernel_.writel(regs + igb::TDBAL, static_cast<std::uint32_t>(ring_));
  kernel_.writel(regs + igb::TDBAH, static_cast<std::uint32_t>(ring_ >> 32));
  kernel_.writel(regs + igb::TDLEN, kEntries * igb::kDescriptorBytes);
  kernel_.writel(regs + igb::TDH, 0);
  kernel_.writel(regs + igb::TDT, 0);
  kernel_.writel(regs + igb::TDWBAH, 0);
  kernel_.writel(regs + igb::TDWBAL, message | 1u);
  kernel_.writel(regs + igb::TXDCTL, 1u << 25);
  // The device's own address as source, so that the frame itself passes the anti-spoof check.
  const MacAddress mac = driver_->mac();
  std::uint8_t bytes[60] = {0x02, 0, 0, 0, 2, 0};
  for (unsigned i = 0; i < 6; ++i) bytes[6 + i] = mac[i];
  bytes[12] = 0x88;
  bytes[13] = 0xb5;  // IEEE local experimental EtherType
  kernel_.cpu().write(frame, bytes);
  kernel_.cpu().place_packet(frame, 0);
  kernel_.cpu().store(ring_, 8, frame);
  kernel_.cpu().store(ring_ + 8, 8, igb::tx::whole_frame(sizeof bytes));
  kernel_.writel(regs + igb::TDT, 1);
}

}  // namespace iovirt::software
