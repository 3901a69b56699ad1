// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a guest's kernel and the host's have in common: memory for rings and buffers, NAPI, and handing frames up.
#pragma once

#include <deque>
#include <vector>

#include "models/software/kernel/kernel.h"
#include "models/software/kernel/net_driver.h"

namespace iovirt::software {

/// Who takes the frames a driver receives: a socket layer, a bridge, a VMDq hand-over.
class RxHandler {
 public:
  virtual ~RxHandler() = default;
  /// Owns `buffer` from now on.
  virtual void receive(NetDriver& driver, unsigned queue, std::uint64_t buffer, std::uint64_t address,
                       std::uint32_t bytes) = 0;
  /// The driver has room on `queue` again.
  virtual void wake_queue(NetDriver& driver, unsigned queue) = 0;
  /// A poll has ended: what was handed up may be passed on in one go.
  virtual void poll_done(NetDriver& driver, unsigned queue) = 0;
};

class BaseKernel : public Kernel {
 public:
  /// [begin, end): the memory the kernel may hand out, in its own physical addresses.
  BaseKernel(const Costs& costs, std::uint64_t begin, std::uint64_t end);

  const Costs& costs() const override { return costs_; }
  std::uint32_t pci_read(Bdf function, std::uint16_t offset, unsigned bytes) override;
  void pci_write(Bdf function, std::uint16_t offset, unsigned bytes, std::uint32_t value) override;

  std::uint64_t allocate(std::size_t bytes, std::size_t alignment) override;
  std::uint64_t allocate_buffer() override;
  void free_buffer(std::uint64_t address) override;
  /// A page, for drivers whose buffers are pages.
  std::uint64_t allocate_page();
  void free_page(std::uint64_t address) { free_pages_.push_back(address); }
  /// From now on buffers and pages come out of slabs of 2 MB that hold nothing else.
  void use_slabs() { slabs_used_ = true; }
  static constexpr std::uint64_t kSlabBytes = 2ull << 20;
  /// The slab that `address` lies in, 0 when in none.
  std::uint64_t buffer_slab(std::uint64_t address) const;

  void receive(NetDriver& driver, unsigned queue, std::uint64_t buffer, std::uint64_t address,
               std::uint32_t bytes) override {
    rx_handler_->receive(driver, queue, buffer, address, bytes);
  }
  void transmitted(NetDriver&, std::uint64_t buffer) override { free_buffer(buffer); }
  void wake_queue(NetDriver& driver, unsigned queue) override { rx_handler_->wake_queue(driver, queue); }

  /// REQUIRES: before any driver is opened.
  void set_rx_handler(RxHandler& handler) { rx_handler_ = &handler; }
  /// Where configuration space is memory-mapped, in the kernel's own physical addresses.
  void set_ecam(std::uint64_t base) { ecam_base_ = base; }
  std::uint64_t buffers_in_use() const { return buffers_made_ - free_buffers_.size(); }

 protected:
  struct Napi {
    NetDriver* driver;
    unsigned queue;
    unsigned core;  ///< of the interrupt that scheduled it
    bool scheduled = false;
  };
  Napi& napi(NetDriver& driver, unsigned queue);
  /// One poll of `entry`; true when it wants another.
  bool poll(Napi& entry);

  static constexpr unsigned kNapiBudget = 64;  ///< Linux NAPI_POLL_WEIGHT
  const Costs& costs_;
  std::vector<Napi*> napis_;  ///< every instance, in order of first use

 private:
  std::uint64_t carve(std::size_t bytes);

  std::uint64_t next_;
  std::uint64_t end_;
  bool slabs_used_ = false;
  std::vector<std::uint64_t> slabs_;  ///< ascending
  std::uint64_t slab_next_ = 0;       ///< in the last of them
  std::vector<std::uint64_t> free_pages_;
  std::uint64_t buffers_made_ = 0;
  std::uint64_t ecam_base_ = 0;
  std::vector<std::uint64_t> free_buffers_;
  std::deque<Napi> napi_storage_;
  RxHandler* rx_handler_ = nullptr;
};

}  // namespace iovirt::software
