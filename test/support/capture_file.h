// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Builds capture files byte by byte, sound and broken ones, in a folder that goes away.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

namespace iovirt::test {

using Bytes = std::vector<std::uint8_t>;

/// A folder of its own under the system's, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "iovirt-test-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name, std::ios::binary) << text;
    return *this / name;
  }
  std::string write(const std::string& name, const Bytes& bytes) const { return write(name, std::string(bytes.begin(), bytes.end())); }

 private:
  std::string path_;
};

/// An Ethernet frame of `size` bytes with this type and a counting payload.
inline Bytes ethernet(const std::array<std::uint8_t, 6>& to, const std::array<std::uint8_t, 6>& from, std::size_t size = 60,
                      std::uint16_t type = 0x88b5) {
  Bytes frame(to.begin(), to.end());
  frame.insert(frame.end(), from.begin(), from.end());
  frame.push_back(static_cast<std::uint8_t>(type >> 8));
  frame.push_back(static_cast<std::uint8_t>(type));
  while (frame.size() < size) frame.push_back(static_cast<std::uint8_t>(frame.size()));
  frame.resize(size);
  return frame;
}

/// UDP over IPv4 between 10.0.0.<from_host>:<from_port> and 10.0.0.<to_host>:<to_port>, without checksums.
inline Bytes udp(const std::array<std::uint8_t, 6>& to, const std::array<std::uint8_t, 6>& from, std::uint8_t from_host,
                 std::uint16_t from_port, std::uint8_t to_host, std::uint16_t to_port) {
  Bytes frame = ethernet(to, from, 60, 0x0800);
  const Bytes header = {0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, from_host, 10, 0, 0, to_host,
                        static_cast<std::uint8_t>(from_port >> 8), static_cast<std::uint8_t>(from_port),
                        static_cast<std::uint8_t>(to_port >> 8), static_cast<std::uint8_t>(to_port), 0, 26, 0, 0};
  std::copy(header.begin(), header.end(), frame.begin() + 14);
  return frame;
}

/// The classic format (draft-ietf-opsawg-pcap).
class Pcap {
 public:
  struct Format {
    bool big_endian = false;
    bool nanoseconds = false;
    std::uint32_t link_type = 1;
  };
  Pcap() : Pcap(Format{}) {}
  explicit Pcap(Format format) : format_(format) {
    put(format.nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, 4);
    put(2, 2);
    put(4, 2);
    put(0, 4);
    put(0, 4);
    put(262144, 4);
    put(format.link_type, 4);
  }
  /// `original`: the length on the wire, when the recorder cut the frame.
  Pcap& add(std::uint64_t time_ns, const Bytes& frame, std::uint32_t original = 0) {
    put(time_ns / 1'000'000'000, 4);
    put(time_ns % 1'000'000'000 / (format_.nanoseconds ? 1 : 1000), 4);
    put(frame.size(), 4);
    put(original == 0 ? frame.size() : original, 4);
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    return *this;
  }
  Bytes bytes;

 private:
  void put(std::uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; ++i)
      bytes.push_back(static_cast<std::uint8_t>(value >> 8 * (format_.big_endian ? size - 1 - i : i)));
  }
  Format format_;
};

/// The next generation (draft-ietf-opsawg-pcapng): one section, one Ethernet interface with nanosecond times.
class Pcapng {
 public:
  Pcapng() {
    block(0x0a0d0d0a, {0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff});
    // if_tsresol (option 9) = 9: units of 10^-9 s
    block(1, {1, 0, 0, 0, 0, 0, 4, 0, 9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0});
  }
  Pcapng& add(std::uint64_t time_ns, const Bytes& frame) {
    Bytes body;
    put(body, 0);
    put(body, static_cast<std::uint32_t>(time_ns >> 32));
    put(body, static_cast<std::uint32_t>(time_ns));
    put(body, static_cast<std::uint32_t>(frame.size()));
    put(body, static_cast<std::uint32_t>(frame.size()));
    body.insert(body.end(), frame.begin(), frame.end());
    block(6, body);
    return *this;
  }
  Bytes bytes;

 private:
  static void put(Bytes& to, std::uint32_t value) {
    for (unsigned i = 0; i < 4; ++i) to.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  }
  void block(std::uint32_t type, Bytes body) {
    body.resize((body.size() + 3) / 4 * 4);
    put(bytes, type);
    put(bytes, static_cast<std::uint32_t>(body.size() + 12));
    bytes.insert(bytes.end(), body.begin(), body.end());
    put(bytes, static_cast<std::uint32_t>(body.size() + 12));
  }
};

}  // namespace iovirt::test
