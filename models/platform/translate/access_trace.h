// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Traces of DMA accesses: text (CSV) and binary, read strictly and in one direction. Formats: docs/translate.md.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include "lib/config_error.h"
#include "lib/time.h"

namespace iovirt::platform {

inline constexpr std::uint32_t kNoTracePasid = 0xffff'ffff;

struct AccessRecord {
  Ps time = 0;
  std::uint64_t address = 0;
  std::uint32_t bytes = 0;  ///< 1 to kMaxBytes
  std::uint32_t pasid = kNoTracePasid;
  std::uint16_t requester = 0;
  bool write = false;

  static constexpr std::uint32_t kMaxBytes = 1u << 24;
  static constexpr Ps kMaxTime = Ps{1} << 62;
  friend bool operator==(const AccessRecord&, const AccessRecord&) = default;
};

inline constexpr std::string_view kTraceHeader = "time_ns,requester,pasid,address,size_bytes,access";

/// Binary form: kMagic, then records of three little-endian words.
namespace binary_trace {
inline constexpr std::array<char, 8> kMagic = {'I', 'O', 'V', 'T', 'R', 'C', '0', '1'};
inline constexpr std::size_t kRecordBytes = 24;
inline constexpr std::uint64_t kHasPasid = 1ull << 36, kWrite = 1ull << 37;
/// 0: time in ps; 1: address; 2: requester 15:0, PASID 35:16, has PASID 36, write 37, bytes - 1 in 61:38, 63:62 are 0.
std::array<std::uint64_t, 3> encode(const AccessRecord& record);
inline std::uint64_t word(const std::uint8_t* record, unsigned i) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t value;
  std::memcpy(&value, record + 8 * i, sizeof value);
  return value;
}
/// False: bits that must be 0 are not.
inline bool decode(const std::uint8_t* from, AccessRecord& record) {
  const std::uint64_t w = word(from, 2);
  record.time = word(from, 0);
  record.address = word(from, 1);
  record.bytes = static_cast<std::uint32_t>(w >> 38 & 0xff'ffff) + 1;
  record.pasid = w & kHasPasid ? static_cast<std::uint32_t>(w >> 16 & 0xf'ffff) : kNoTracePasid;
  record.requester = static_cast<std::uint16_t>(w);
  record.write = (w & kWrite) != 0;
  return w >> 62 == 0;
}
}  // namespace binary_trace

/// "03:00.1"
std::string requester_name(std::uint16_t requester);

/// A file, mapped; which form it has shows in its first bytes. Every mistake is a ConfigError that names the file, the
/// line or record, the column, what stands there and what was expected.
class AccessTrace {
 public:
  explicit AccessTrace(const std::string& path);
  ~AccessTrace();
  AccessTrace(const AccessTrace&) = delete;
  AccessTrace& operator=(const AccessTrace&) = delete;

  const std::string& path() const { return path_; }
  bool binary() const { return binary_; }

  /// The next record; false at the end. Times never go back.
  bool next(AccessRecord& record) {
    if (!binary_) return next_line(record);
    if (at_ == end_) return false;
    // In one comparison: not before the last one, and at most kMaxTime.
    const bool good = binary_trace::decode(at_, record) && record.time - last_ <= AccessRecord::kMaxTime - last_ && plausible(record);
    if (!good) refuse_record(record);
    last_ = record.time;
    at_ += binary_trace::kRecordBytes;
    return true;
  }
  void rewind();
  /// A mistake in the record that `next` gave last.
  [[noreturn]] void fail(std::string_view column, std::string_view value, std::string_view expected) const;

 private:
  static bool plausible(const AccessRecord& record) { return record.address + (record.bytes - 1) >= record.address; }
  [[gnu::noinline]] bool next_line(AccessRecord& record);
  [[noreturn, gnu::cold]] void refuse_record(const AccessRecord& record);
  void open_contents(int file);
  /// Of records given so far.
  std::uint64_t number() const { return binary_ ? static_cast<std::uint64_t>(at_ - begin_) / binary_trace::kRecordBytes : lines_; }

  std::string path_;
  std::string copy_;  ///< of what cannot be mapped
  void* map_ = nullptr;
  std::size_t map_bytes_ = 0;
  const std::uint8_t* begin_ = nullptr;  ///< of the records
  const std::uint8_t* end_ = nullptr;
  const std::uint8_t* at_ = nullptr;
  bool binary_ = false;
  Ps last_ = 0;
  std::uint64_t lines_ = 0;  ///< given so far, of the text
};

/// Writes the binary form, or with a name that ends in .csv the text; whole or not at all.
class AccessTraceWriter {
 public:
  /// Throws ConfigError ("<option>: <path>: ...") when the file cannot be written.
  AccessTraceWriter(const std::string& path, std::string_view option);
  ~AccessTraceWriter();
  AccessTraceWriter(const AccessTraceWriter&) = delete;
  AccessTraceWriter& operator=(const AccessTraceWriter&) = delete;

  void add(const AccessRecord& record);
  std::uint64_t records() const { return records_; }
  void commit();

 private:
  void flush();

  std::string path_, temporary_;
  std::FILE* file_ = nullptr;
  std::string buffer_;
  bool text_;
  bool failed_ = false;
  std::uint64_t records_ = 0;
};

}  // namespace iovirt::platform
