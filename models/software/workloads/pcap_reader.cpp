// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/software/workloads/pcap_reader.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>

#include <fmt/format.h>
#include <pcap/pcap.h>

#include "models/software/workloads/traffic.h"

namespace iovirt::software {

namespace {

constexpr std::uint32_t kEthernetHeaderBytes = 14;

struct Closer {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};

std::uint32_t max_bytes(const std::uint8_t* frame) {
  const bool tagged = frame[12] == 0x81 && frame[13] == 0x00;
  return kMaxFrameBytes + (tagged ? kVlanTagBytes : 0);
}

}  // namespace

Capture read_capture(const std::string& path) {
  const auto refuse = [&](std::string_view message) { throw CaptureError(fmt::format("{}: {}", path, message)); };

  std::error_code error;
  if (std::filesystem::is_directory(path, error)) refuse("is a folder (expected a pcap or pcapng file)");
  errno = 0;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) refuse(fmt::format("cannot be read: {} (expected a pcap or pcapng file)", std::strerror(errno)));
  if (std::filesystem::is_regular_file(path, error) && std::filesystem::file_size(path, error) == 0) {
    std::fclose(file);
    refuse("is an empty file: not a capture (expected pcap or pcapng)");
  }

  char message[PCAP_ERRBUF_SIZE] = "";
  // From here on libpcap closes the file; on failure here it does not.
  std::unique_ptr<pcap_t, Closer> handle(
      pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, message));
  if (!handle) {
    std::fclose(file);
    if (std::string_view(message).find("truncated") != std::string_view::npos)
      refuse(fmt::format("truncated capture: cut off in the file's header ({})", message));
    refuse(fmt::format("is not a capture (expected pcap or pcapng): {}", message));
  }
  if (const int link = pcap_datalink(handle.get()); link != DLT_EN10MB) {
    const char* name = pcap_datalink_val_to_name(link);
    refuse(fmt::format("holds {} frames: expected Ethernet (EN10MB)", name != nullptr ? name : fmt::format("link type {}", link)));
  }

  Capture capture;
  for (;;) {
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    const int status = pcap_next_ex(handle.get(), &header, &data);
    const std::size_t number = capture.frames.size() + 1;
    if (status == PCAP_ERROR_BREAK) break;
    if (status != 1) {
      const std::string_view reason = pcap_geterr(handle.get());
      const bool cut = reason.find("truncated") != std::string_view::npos;
      refuse(fmt::format("{} at packet {} ({})", cut ? "truncated capture: cut off" : "broken capture:", number, reason));
    }
    if (header->caplen < kEthernetHeaderBytes)
      refuse(fmt::format("packet {} has {} bytes: expected an Ethernet frame of at least {}", number, header->caplen, kEthernetHeaderBytes));
    if (header->len > max_bytes(data))
      refuse(fmt::format("packet {} has {} bytes, above the MTU: expected at most {} without FCS "
                         "(record with segmentation and receive offloads off)",
                         number, header->len, max_bytes(data)));
    if (header->caplen < header->len)
      refuse(fmt::format("packet {} holds {} of its {} bytes: expected whole frames (record without a snap length)", number,
                         header->caplen, header->len));
    const std::int64_t time_ns = static_cast<std::int64_t>(header->ts.tv_sec) * 1'000'000'000 + header->ts.tv_usec;
    capture.frames.push_back({time_ns, capture.bytes.size(), header->caplen});
    capture.bytes.insert(capture.bytes.end(), data, data + header->caplen);
  }
  if (capture.frames.empty()) refuse("is an empty capture: expected at least one packet");
  return capture;
}

}  // namespace iovirt::software
