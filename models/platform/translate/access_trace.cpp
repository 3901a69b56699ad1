// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/translate/access_trace.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace iovirt::platform {

namespace binary_trace {
std::array<std::uint64_t, 3> encode(const AccessRecord& record) {
  const bool has_pasid = record.pasid != kNoTracePasid;
  return {record.time, record.address,
          record.requester | (has_pasid ? std::uint64_t{record.pasid} << 16 | kHasPasid : 0) | (record.write ? kWrite : 0) |
              std::uint64_t{record.bytes - 1} << 38};
}

}  // namespace binary_trace

namespace {

constexpr const char* kColumns[] = {"time_ns", "requester", "pasid", "address", "size_bytes", "access"};
constexpr std::size_t kColumnCount = 6;

template <class Number>
bool parse(std::string_view text, Number& value, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return !text.empty() && error == std::errc{} && end == text.data() + text.size();
}

std::string_view without_0x(std::string_view text) {
  return text.starts_with("0x") || text.starts_with("0X") ? text.substr(2) : text;
}

bool parse_time(std::string_view text, Ps& time) {
  const std::size_t point = text.find('.');
  std::uint64_t whole = 0, fraction = 0;
  if (!parse(text.substr(0, point), whole) || whole > AccessRecord::kMaxTime / kPsPerNs) return false;
  if (point != std::string_view::npos) {
    std::string digits(text.substr(point + 1));
    if (digits.empty() || digits.size() > 3) return false;
    digits.resize(3, '0');
    if (!parse(std::string_view(digits), fraction)) return false;
  }
  time = whole * kPsPerNs + fraction;
  return true;
}

bool parse_requester(std::string_view text, std::uint16_t& requester) {
  unsigned bus = 0, device = 0, function = 0;
  if (text.size() != 7 || text[2] != ':' || text[5] != '.') return false;
  if (!parse(text.substr(0, 2), bus, 16) || !parse(text.substr(3, 2), device, 16) || !parse(text.substr(6), function, 16)) return false;
  if (device > 31 || function > 7) return false;
  requester = static_cast<std::uint16_t>(bus << 8 | device << 3 | function);
  return true;
}

bool parse_pasid(std::string_view text, std::uint32_t& pasid) {
  pasid = kNoTracePasid;
  if (text.empty()) return true;
  const bool hex = without_0x(text).size() != text.size();
  return parse(without_0x(text), pasid, hex ? 16 : 10) && pasid < 1u << 20;
}

}  // namespace

std::string requester_name(std::uint16_t requester) {
  return fmt::format("{:02x}:{:02x}.{}", requester >> 8, requester >> 3 & 31, requester & 7);
}

AccessTrace::AccessTrace(const std::string& path) : path_(path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) throw ConfigError(fmt::format("{}: {} (expected a trace of DMA accesses)", path, std::strerror(errno)));
  open_contents(file);
  const auto bytes = static_cast<std::size_t>(end_ - begin_);
  const std::string_view all(reinterpret_cast<const char*>(begin_), bytes);
  const std::string_view magic(binary_trace::kMagic.data(), binary_trace::kMagic.size());
  binary_ = all.starts_with(magic);
  std::string complaint;
  if (binary_) {
    begin_ += magic.size();
    if ((bytes - magic.size()) % binary_trace::kRecordBytes != 0)
      complaint = fmt::format("{}: record {}: ends after {} bytes: expected {}", path, (bytes - magic.size()) / binary_trace::kRecordBytes + 1,
                              (bytes - magic.size()) % binary_trace::kRecordBytes, binary_trace::kRecordBytes);
  } else {
    const std::size_t line = std::min(all.find('\n'), all.size());
    std::string_view header = all.substr(0, line);
    if (header.ends_with('\r')) header.remove_suffix(1);
    if (header != kTraceHeader)
      complaint = fmt::format("{}: line 1: expected the header {}", path, kTraceHeader);
    else
      begin_ += std::min(line + 1, all.size());
  }
  if (complaint.empty() && begin_ == end_) complaint = fmt::format("{}: holds no record: expected at least one", path);
  if (!complaint.empty()) {
    if (map_) ::munmap(map_, map_bytes_);
    throw ConfigError(complaint);
  }
  at_ = begin_;
}

void AccessTrace::open_contents(int file) {
  struct stat status {};
  std::string failure;
  if (::fstat(file, &status) != 0) {
    failure = std::strerror(errno);
  } else if (S_ISDIR(status.st_mode)) {
    failure = "is a folder";
  } else if (S_ISREG(status.st_mode) && status.st_size > 0) {
    map_bytes_ = static_cast<std::size_t>(status.st_size);
    map_ = ::mmap(nullptr, map_bytes_, PROT_READ, MAP_PRIVATE, file, 0);
    if (map_ == MAP_FAILED) map_ = nullptr;
  }
  if (failure.empty() && !map_) {  // a pipe
    char part[65536];
    for (;;) {
      const ssize_t got = ::read(file, part, sizeof part);
      if (got < 0) failure = std::strerror(errno);
      if (got <= 0) break;
      copy_.append(part, static_cast<std::size_t>(got));
    }
  }
  ::close(file);
  if (!failure.empty()) throw ConfigError(fmt::format("{}: {} (expected a trace of DMA accesses)", path_, failure));
  begin_ = map_ ? static_cast<const std::uint8_t*>(map_) : reinterpret_cast<const std::uint8_t*>(copy_.data());
  end_ = begin_ + (map_ ? map_bytes_ : copy_.size());
}

AccessTrace::~AccessTrace() {
  if (map_) ::munmap(map_, map_bytes_);
}

void AccessTrace::rewind() {
  at_ = begin_;
  last_ = 0;
  lines_ = 0;
}

void AccessTrace::fail(std::string_view column, std::string_view value, std::string_view expected) const {
  // The header is line 1.
  throw ConfigError(binary_ ? fmt::format("{}: record {}: {}: {}: expected {}", path_, number(), column, value, expected)
                            : fmt::format("{}: line {}: {}: {}: expected {}", path_, number() + 1, column, value, expected));
}

void AccessTrace::refuse_record(const AccessRecord& record) {
  const std::uint8_t reserved = at_[binary_trace::kRecordBytes - 1] >> 6;
  at_ += binary_trace::kRecordBytes;
  if (record.time > AccessRecord::kMaxTime) fail("time", fmt::format("{} ps", record.time), fmt::format("at most {}", AccessRecord::kMaxTime));
  if (record.time < last_) fail("time", fmt::format("{} ps", record.time), fmt::format("records in the order of their times: the one before has {} ps", last_));
  if (!plausible(record)) fail("address", fmt::format("{:#x}", record.address), "an access that ends within 64 bits");
  fail("bits 63:62 of its last word", fmt::format("{}", reserved), "0");
}

bool AccessTrace::next_line(AccessRecord& record) {
  if (at_ == end_) return false;
  const auto* newline = static_cast<const std::uint8_t*>(std::memchr(at_, '\n', static_cast<std::size_t>(end_ - at_)));
  const std::uint8_t* stop = newline ? newline : end_;
  std::string_view line(reinterpret_cast<const char*>(at_), static_cast<std::size_t>(stop - at_));
  if (line.ends_with('\r')) line.remove_suffix(1);
  at_ = newline ? newline + 1 : end_;
  ++lines_;

  std::string_view cells[kColumnCount];
  std::size_t count = 0;
  for (std::string_view rest = line;;) {
    const std::size_t comma = rest.find(',');
    if (count < kColumnCount) cells[count] = rest.substr(0, comma);
    ++count;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (count != kColumnCount)
    throw ConfigError(fmt::format("{}: line {}: {} column{}: expected {}: {}", path_, lines_ + 1, count, count == 1 ? "" : "s", kColumnCount, kTraceHeader));
  const auto refuse = [&](std::size_t column, std::string_view expected) {
    fail(kColumns[column], fmt::format("\"{}\"", cells[column].substr(0, 40)), expected);
  };
  if (!parse_time(cells[0], record.time)) refuse(0, "nanoseconds, with at most three decimals");
  if (record.time < last_) refuse(0, fmt::format("records in the order of their times: the one before has {}", static_cast<double>(last_) / 1000));
  if (!parse_requester(cells[1], record.requester)) refuse(1, "bb:dd.f in hexadecimal, 00:00.0 to ff:1f.7");
  if (!parse_pasid(cells[2], record.pasid)) refuse(2, "0 to 1048575, or nothing");
  if (!parse(without_0x(cells[3]), record.address, 16)) refuse(3, "a hexadecimal address of at most 64 bits");
  if (!parse(cells[4], record.bytes) || record.bytes == 0 || record.bytes > AccessRecord::kMaxBytes)
    refuse(4, fmt::format("1 to {}", AccessRecord::kMaxBytes));
  if (cells[5] != "r" && cells[5] != "w") refuse(5, "r or w");
  record.write = cells[5] == "w";
  if (!plausible(record)) refuse(3, "an access that ends within 64 bits");
  last_ = record.time;
  return true;
}

AccessTraceWriter::AccessTraceWriter(const std::string& path, std::string_view option)
    : path_(path), temporary_(fmt::format("{}.{}.tmp", path, ::getpid())), text_(path.ends_with(".csv")) {
  struct stat status {};
  const bool folder = ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
  file_ = folder ? nullptr : std::fopen(temporary_.c_str(), "wb");
  if (!file_)
    throw ConfigError(fmt::format("{}: {}: {} (expected a file that can be written)", option, path, folder ? "is a folder" : std::strerror(errno)));
  if (text_)
    buffer_.append(kTraceHeader).push_back('\n');
  else
    buffer_.append(binary_trace::kMagic.data(), binary_trace::kMagic.size());
}

AccessTraceWriter::~AccessTraceWriter() {
  if (!file_) return;
  std::fclose(file_);
  ::unlink(temporary_.c_str());
}

void AccessTraceWriter::add(const AccessRecord& record) {
  ++records_;
  if (text_) {
    const Ps part = record.time % kPsPerNs;
    fmt::format_to(std::back_inserter(buffer_), "{}{},{},{},{:#x},{},{}\n", record.time / kPsPerNs,
                   part == 0 ? "" : fmt::format(".{:03}", part), requester_name(record.requester),
                   record.pasid == kNoTracePasid ? "" : fmt::format("{}", record.pasid), record.address, record.bytes, record.write ? 'w' : 'r');
  } else {
    const auto words = binary_trace::encode(record);
    buffer_.append(reinterpret_cast<const char*>(words.data()), sizeof words);
  }
  if (buffer_.size() >= 1 << 20) flush();
}

void AccessTraceWriter::flush() {
  failed_ = std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size() || failed_;
  buffer_.clear();
}

void AccessTraceWriter::commit() {
  flush();
  const bool written = std::fclose(file_) == 0 && !failed_;
  file_ = nullptr;
  if (written && std::rename(temporary_.c_str(), path_.c_str()) == 0) return;
  const int reason = errno;
  ::unlink(temporary_.c_str());
  throw std::runtime_error(fmt::format("{}: cannot be written: {}", path_, std::strerror(reason)));
}

}  // namespace iovirt::platform
