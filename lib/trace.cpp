// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/trace.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <stdexcept>

#include <unistd.h>

#include "lib/config_error.h"

namespace iovirt {
namespace {

constexpr unsigned kCores = 1;          ///< the process whose threads are the cores
constexpr unsigned kFirstPackets = 10;  ///< VM 0's received packets, then its sent ones, then VM 1's
constexpr unsigned kExitTracks = 1000;  ///< threads of exits: kExitTracks * vpid + core

constexpr std::array<std::string_view, kActivities> kActivityNames = {
    "idle", "guest", "guest_copy", "host_kernel", "host_user", "host_copy", "exit", "interrupt", "sched"};
constexpr std::array<std::string_view, 2> kDirectionNames = {"rx", "tx"};

/// Microseconds.
struct Us {
  std::uint64_t ns;
};

}  // namespace
}  // namespace iovirt

template <>
struct fmt::formatter<iovirt::Us> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  template <class Context>
  auto format(iovirt::Us us, Context& context) const {
    return fmt::format_to(context.out(), "{}.{:03}", us.ns / 1000, us.ns % 1000);
  }
};

namespace iovirt {

Trace::Trace(const std::string& path, std::uint32_t packets) : path_(path), limit_(packets), closed_(packets + std::size_t{1}) {
  const auto refuse = [&](const std::string& reason) {
    throw ConfigError(fmt::format("--trace: {}: {} (expected a file that can be written)", path, reason));
  };
  std::error_code error;
  if (path.empty()) refuse("no name");
  if (std::filesystem::exists(path, error) && !std::filesystem::is_regular_file(path, error)) refuse("is not a plain file");
  temporary_ = fmt::format("{}.{}.tmp", path, ::getpid());
  file_ = std::fopen(temporary_.c_str(), "wbe");
  if (file_ == nullptr) refuse(std::strerror(errno));
  text_.reserve(kBufferBytes + 4096);
  text_.append(std::string_view("{\"displayTimeUnit\":\"ns\",\"traceEvents\":["));
}

Trace::~Trace() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  ::unlink(temporary_.c_str());
}

void Trace::begin(Ps now, unsigned cores, ReasonName reason_name) {
  base_ = now;
  reason_name_ = reason_name;
  cores_.resize(cores);
  for (unsigned i = 0; i < cores; ++i) {
    cores_[i].seen = now;
    name("thread", kCores, i + 1, fmt::format("core {}", i), i * kExitTracks);
  }
  name("process", kCores, 0, "cores", 0);
}

void Trace::flush() {
  failed_ |= std::fwrite(text_.data(), 1, text_.size(), file_) != text_.size();
  text_.clear();
}

void Trace::commit() {
  for (unsigned i = 0; i < cores_.size(); ++i) write_piece(i);
  text_.append(std::string_view("\n]}\n"));
  flush();
  bool written = !failed_ && std::fflush(file_) == 0;
  written = std::fclose(file_) == 0 && written;
  file_ = nullptr;
  if (written && std::rename(temporary_.c_str(), path_.c_str()) == 0) return;
  const std::string reason = std::strerror(errno);
  ::unlink(temporary_.c_str());
  throw std::runtime_error(fmt::format("{}: cannot be written: {}", path_, reason));
}

void Trace::name(std::string_view what, unsigned process, unsigned thread, std::string_view text, unsigned sort) {
  event(R"("ph":"M","pid":{},"tid":{},"name":"{}_name","args":{{"name":"{}"}})", process, thread, what, text);
  event(R"("ph":"M","pid":{},"tid":{},"name":"{}_sort_index","args":{{"sort_index":{}}})", process, thread, what, sort);
}

// -- packets ----------------------------------------------------------------------------------------------------------

unsigned Trace::packet_process(const PacketLedger::Packet& packet) {
  const unsigned number = packet.vm * 2u + static_cast<unsigned>(packet.direction);
  const unsigned process = kFirstPackets + number;
  if (number >= process_named_.size()) process_named_.resize(number + 1);
  if (!process_named_[number]) {
    process_named_[number] = true;
    name("process", process, 0, fmt::format("VM {} {}", packet.vm, kDirectionNames[number % 2]), process);
  }
  return process;
}

// Packets overlap, and so they are nestable asynchronous events: "b" and "e" with the packet's number as id.
void Trace::packet_event(char phase, PacketId id, const PacketLedger::Packet& packet, std::string_view name, Ps at,
                         std::string_view args) {
  event(R"("ph":"{}","cat":"packet","id":{},"pid":{},"tid":0,"ts":{},"name":"{}"{})", phase, id, packet_process(packet), Us{ns(at)},
        name, args);
}

void Trace::packet_opened(PacketId id, const PacketLedger::Packet& packet) {
  if (!follows(id)) {
    // So many in flight, or lost: the cores' tracks must end.
    if (id >= 2 * std::uint64_t{limit_}) cores_end_ = std::min(cores_end_, packet.opened);
    return;
  }
  packet_event('b', id, packet, kDirectionNames[static_cast<std::size_t>(packet.direction)], packet.opened,
               fmt::format(R"(,"args":{{"packet":{},"frame":{}}})", id, packet.frame));
}

void Trace::packet_stage(PacketId id, const PacketLedger::Packet& packet, Stage stage, Ps from, Ps to) {
  if (!follows(id) || closed_[id]) return;
  const std::string_view name = kStageNames[static_cast<std::size_t>(stage)];
  packet_event('b', id, packet, name, from);
  packet_event('e', id, packet, name, to);
}

void Trace::packet_on_core(PacketId id, const PacketLedger::Packet& packet, const ActivityLog& core, Ps from, Ps to) {
  if (!follows(id) || closed_[id]) return;
  core.pieces(from, to, [&](Activity activity, Ps begin, Ps end) { packet_stage(id, packet, stage_of(activity), begin, end); });
}

void Trace::packet_closed(PacketId id, const PacketLedger::Packet& packet, bool dropped) {
  if (!follows(id) || closed_[id]) return;
  closed_[id] = true;
  packet_event('e', id, packet, kDirectionNames[static_cast<std::size_t>(packet.direction)], packet.last,
               dropped ? R"(,"args":{"dropped":true})" : "");
  last_close_ = std::max(last_close_, packet.last);
  if (++done_ == limit_) cores_end_ = std::min(cores_end_, last_close_);
}

// -- cores ------------------------------------------------------------------------------------------------------------

void Trace::core_until(unsigned core, ActivityLog& log, Ps now) {
  CoreTrack& track = cores_[core];
  const Ps until = std::min({now, log.end(), cores_end_});
  log.take_marks(now, marks_);
  for (const ActivityLog::Mark& noted : marks_)
    if (noted.at <= cores_end_) mark(core, noted.at, noted.what);
  if (until > track.seen) {
    log.pieces(track.seen, until, [&](Activity activity, Ps begin, Ps end) { piece(core, activity, begin, end); });
    track.seen = until;
  }
}

void Trace::piece(unsigned core, Activity activity, Ps begin, Ps end) {
  CoreTrack& track = cores_[core];
  if (track.activity == activity && track.end == begin) {
    track.end = end;
    return;
  }
  write_piece(core);
  track.activity = activity;
  track.begin = begin;
  track.end = end;
}

void Trace::write_piece(unsigned core) {
  CoreTrack& track = cores_[core];
  if (track.activity != Activity::idle && track.end > track.begin)
    event(R"("ph":"X","cat":"core","pid":{},"tid":{},"ts":{},"dur":{},"name":"{}")", kCores, core + 1, Us{ns(track.begin)},
          Us{ns(track.end) - ns(track.begin)}, kActivityNames[static_cast<std::size_t>(track.activity)]);
  track.end = track.begin;
}

void Trace::mark(unsigned core, Ps at, std::uint32_t what) {
  CoreTrack& track = cores_[core];
  const unsigned vpid = TraceMark::vpid(what);
  const unsigned number = TraceMark::number(what);
  switch (TraceMark::kind(what)) {
    case TraceMark::exit:
      track.exits.push_back({vpid, number, at});
      break;
    case TraceMark::entry: {
      const auto open = std::find_if(track.exits.rbegin(), track.exits.rend(), [&](const OpenExit& e) { return e.vpid == vpid; });
      if (open == track.exits.rend()) break;  // the first entry, or the exit was before time 0
      const unsigned thread = kExitTracks * vpid + core;
      if (vpid >= track.named.size()) track.named.resize(vpid + 1);
      if (!track.named[vpid]) {
        track.named[vpid] = true;
        name("thread", kCores, thread, fmt::format("core {}: exits of VM {}", core, vpid - 1), core * kExitTracks + vpid);
      }
      event(R"("ph":"X","cat":"exit","pid":{},"tid":{},"ts":{},"dur":{},"name":"{}")", kCores, thread, Us{ns(open->begin)},
            Us{ns(at) - ns(open->begin)}, reason_name_(open->reason));
      track.exits.erase(std::next(open).base());
      break;
    }
    case TraceMark::interrupt:
    case TraceMark::posted:
      event(R"("ph":"i","s":"t","cat":"interrupt","pid":{},"tid":{},"ts":{},"name":"{}","args":{{"vector":{}}})", kCores, core + 1,
            Us{ns(at)},
            TraceMark::kind(what) == TraceMark::posted ? fmt::format("posted to VM {}", vpid - 1)
            : vpid == 0                                ? std::string("interrupt")
                                                       : fmt::format("interrupt of VM {}", vpid - 1),
            number);
      break;
  }
}

}  // namespace iovirt
