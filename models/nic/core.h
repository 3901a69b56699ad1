// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The 82576 without a bus: register file of the physical and the virtual functions, and the paths behind it.
// Everything runs at Host::now(); nothing here knows SystemC or PCIe.
#pragma once

#include <array>
#include <vector>

#include "lib/register_bank.h"
#include "models/nic/board.h"
#include "models/nic/mailbox.h"
#include "models/nic/parts.h"
#include "models/nic/rx_path.h"
#include "models/nic/tx_path.h"

namespace iovirt::nic {

class Core final : private WriteBackFlush {
 public:
  /// Throws std::invalid_argument when `config` makes no sense. `host` and `ledger` (may be null) must outlive this.
  Core(Host& host, const Config& config, PacketLedger* ledger = nullptr);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  // -- software: naturally aligned 4 bytes; offsets of igb_spec.h -------------------------------------------------------
  std::uint32_t read(std::uint32_t offset);
  void write(std::uint32_t offset, std::uint32_t value);
  std::uint32_t vf_read(unsigned vf, std::uint32_t offset);
  void vf_write(unsigned vf, std::uint32_t offset, std::uint32_t value);

  // -- the bus --------------------------------------------------------------------------------------------------------------
  void dma_read_done(std::uint64_t token, std::span<const std::uint8_t> bytes, bool ok, PacketId packet);
  void dma_write_done(std::uint64_t token, bool ok);
  void timer(std::uint32_t what, std::uint64_t arg);
  /// VFs 0 to count - 1 exist from now on.
  void set_vfs(unsigned count);
  /// Function-level reset: 0 the PF, n + 1 VF n.
  void reset_function(unsigned function);

  // -- the wire ---------------------------------------------------------------------------------------------------------------
  Ps wire_free_at() const { return rx_.wire_free_at(); }
  void wire_in(Frame&& frame) { rx_.wire_in(std::move(frame)); }

  const Config& config() const { return p_.config; }
  const Statistics& statistics() const { return p_.statistics; }
  std::uint64_t interrupts_sent() const { return p_.interrupts.sent(); }
  std::uint64_t rx_fifo_bytes() const { return rx_.fifo_bytes(); }
  std::uint64_t tx_fifo_bytes() const { return tx_.fifo_bytes(); }
  bool link_up() const { return link_up_; }
  FramePool& frames() { return p_.frames; }
  /// The registers that are no more than storage and masks, for documentation and tests.
  const RegisterBank& bank() const { return bank_; }

 private:
  /// Equal registers in a row, kept as an array.
  struct Table {
    std::uint32_t first, stride, count, writable;
    std::uint32_t* values;
  };

  void flush_queues_of(unsigned vector_bit) override;
  void define_registers();
  void define_tables();
  const Table* table_at(std::uint32_t offset, std::uint32_t& index) const;
  bool ring_access(std::uint32_t offset, unsigned& queue, bool& tx, std::uint32_t& reg) const;
  std::uint32_t read_ring(unsigned queue, bool tx, std::uint32_t reg);
  void write_ring(unsigned queue, bool tx, std::uint32_t reg, std::uint32_t value);
  bool vf_ring_access(unsigned vf, std::uint32_t offset, unsigned& queue, bool& tx, std::uint32_t& reg) const;
  bool pvt_access(std::uint32_t offset, unsigned& vf, std::uint32_t& vf_offset) const;
  void write_ctrl(std::uint32_t written);
  void clear();
  void reset_device();
  void reset_vf(unsigned vf);
  void start_link();
  void filters_changed();
  std::uint32_t status() const;

  Parts p_;
  RxPath rx_;
  TxPath tx_;
  Mailboxes mailboxes_;
  Board board_;
  RegisterBank bank_;
  std::vector<Table> tables_;
  std::array<std::uint32_t, 4> psrtype_low_{}, psrtype_high_{};
  std::array<std::uint32_t, 32> reta_{};
  std::array<std::uint32_t, 10> rss_key_{};
  std::uint32_t rate_queue_ = 0;
  bool link_up_ = true;
  std::uint64_t link_epoch_ = 0;
};

}  // namespace iovirt::nic
