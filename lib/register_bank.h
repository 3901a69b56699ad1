// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A device's registers as data: one line a register, hooks only where the hardware acts. No bus, no SystemC.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace iovirt {

/// What a register is; one line of a specification's table.
struct RegisterSpec {
  std::string name;
  std::uint32_t offset = 0;     ///< byte offset in the bank
  unsigned bytes = 4;           ///< 1, 2, 4 or 8
  std::uint64_t reset = 0;
  std::uint64_t writable = 0;   ///< bits software may set and clear
  std::uint64_t write1_clear = 0;  ///< bits cleared by writing 1; REQUIRES: disjoint from `writable`
  std::uint64_t read_clear = 0;    ///< bits cleared by a read
};

/// Registers at fixed offsets. Unknown offsets read as zero and ignore writes, as reserved space does;
/// an access narrower or wider than the register is served bytewise as long as it lies in known space,
/// unless `strict_width` was asked for, when it is ignored (reads give 0).
class RegisterBank {
 public:
  /// Called after the stored value has been updated by a software write. `value` is what was written, before masks.
  using WriteHook = std::function<void(std::uint64_t written, std::uint64_t before)>;
  /// Gives the value software reads; `stored` is the bank's own.
  using ReadHook = std::function<std::uint64_t(std::uint64_t stored)>;

  struct Register {
    RegisterSpec spec;
    std::uint64_t value = 0;
    WriteHook on_write;
    ReadHook on_read;
  };

  explicit RegisterBank(std::string name, bool strict_width = false);

  /// Throws std::logic_error on overlap or a malformed spec. The reference stays valid for the bank's life.
  Register& add(RegisterSpec spec);
  Register& add(RegisterSpec spec, WriteHook on_write, ReadHook on_read = {});

  /// What software sees: hooks run, read_clear bits clear.
  std::uint64_t read(std::uint32_t offset, unsigned bytes);
  /// What software does: masks apply, then the hook runs.
  void write(std::uint32_t offset, unsigned bytes, std::uint64_t value);

  /// The hardware's own side: no masks, no hooks. Throws std::out_of_range when there is no register at `offset`.
  std::uint64_t& operator[](std::uint32_t offset);
  std::uint64_t at(std::uint32_t offset) const;
  bool contains(std::uint32_t offset) const;

  void reset();
  const std::string& name() const { return name_; }
  /// In offset order, for documentation and reset tests.
  std::vector<const Register*> registers() const;

 private:
  Register* covering(std::uint32_t offset);

  std::string name_;
  bool strict_width_;
  std::map<std::uint32_t, Register> by_offset_;
  std::vector<std::uint16_t> fast_;  ///< offset/4 -> 1 + index of a 4-byte register, 0 none
  std::vector<Register*> order_;
};

}  // namespace iovirt
