// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A run's first packets in time, as Chrome's trace-event JSON: ui.perfetto.dev and chrome://tracing show it.
//
// Off, it is a null pointer in PacketLedger and the cores. On, it only listens: the run's results are the same.
// Time 0 is begin(); microseconds with three decimals, each point in time cut to a nanosecond, so that intervals that
// touch still do and sums stay exact.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "lib/activity_log.h"
#include "lib/packet_ledger.h"

namespace iovirt {

/// What a core notes in its ActivityLog; 0 is no mark. `number`: exit reason or vector; `vpid`: 1 + the VM, 0: the host.
struct TraceMark {
  enum Kind : std::uint32_t { exit = 1, entry, interrupt, posted };
  static constexpr std::uint32_t of(Kind kind, unsigned number, unsigned vpid) {
    return kind << 28 | (number & 0xfff) << 16 | (vpid & 0xffff);
  }
  static constexpr Kind kind(std::uint32_t mark) { return static_cast<Kind>(mark >> 28); }
  static constexpr unsigned number(std::uint32_t mark) { return mark >> 16 & 0xfff; }
  static constexpr unsigned vpid(std::uint32_t mark) { return mark & 0xffff; }
};

class Trace {
 public:
  static constexpr std::uint32_t kDefaultPackets = 1000;
  using ReasonName = std::string_view (*)(unsigned reason);

  /// Streams the first `packets` packets, and the cores until those are done (at the latest until twice as many have
  /// begun), into a temporary file beside `path`. Throws ConfigError when that cannot be.
  Trace(const std::string& path, std::uint32_t packets);
  /// Without commit() nothing stays, and an older file at `path` is as it was.
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  const std::string& path() const { return path_; }

  /// What follows is recorded; `now` is time 0. `reason_name` names VM exits.
  void begin(Ps now, unsigned cores, ReasonName reason_name);
  /// The run is over: cores_until() has been called for every core, packets still on their way stay open.
  /// Completes the file and gives it its name. Throws std::runtime_error when the disk is full or the like.
  void commit();

  // -- packets: called by PacketLedger ------------------------------------------------------------------------------
  bool follows(PacketId id) const { return id <= limit_; }
  void packet_opened(PacketId id, const PacketLedger::Packet& packet);
  void packet_stage(PacketId id, const PacketLedger::Packet& packet, Stage stage, Ps from, Ps to);
  /// [from, to) as the core spent it.
  void packet_on_core(PacketId id, const PacketLedger::Packet& packet, const ActivityLog& core, Ps from, Ps to);
  void packet_closed(PacketId id, const PacketLedger::Packet& packet, bool dropped);

  // -- cores --------------------------------------------------------------------------------------------------------
  /// Are marks of `core` still wanted?
  bool watches(unsigned core) const { return cores_[core].seen < cores_end_; }
  /// What `core` did until `now` is final (ActivityLog::take_back comes no more): written, and its marks taken.
  void core_until(unsigned core, ActivityLog& log, Ps now);

 private:
  struct OpenExit {
    unsigned vpid, reason;
    Ps begin;
  };
  struct CoreTrack {
    Ps seen = 0;               ///< recorded up to here
    Ps begin = 0, end = 0;     ///< of the piece not yet written, since it may go on
    Activity activity = Activity::idle;
    std::vector<OpenExit> exits;
    std::vector<bool> named;   ///< by vpid: its track of exits has a name
  };

  void piece(unsigned core, Activity activity, Ps begin, Ps end);
  void write_piece(unsigned core);
  void mark(unsigned core, Ps at, std::uint32_t what);
  unsigned packet_process(const PacketLedger::Packet& packet);
  void name(std::string_view what, unsigned process, unsigned thread, std::string_view text, unsigned sort);
  void packet_event(char phase, PacketId id, const PacketLedger::Packet& packet, std::string_view name, Ps at,
                    std::string_view args = {});
  /// One event, its braces and the comma before added.
  template <class... Args>
  void event(fmt::format_string<Args...> format, Args&&... args) {
    text_.append(std::string_view(first_ ? "\n{" : ",\n{"));
    first_ = false;
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_.push_back('}');
    if (text_.size() >= kBufferBytes) flush();
  }
  void flush();
  std::uint64_t ns(Ps at) const { return at <= base_ ? 0 : (at - base_) / kPsPerNs; }

  static constexpr std::size_t kBufferBytes = 1u << 16;

  std::string path_, temporary_;
  std::FILE* file_ = nullptr;
  bool failed_ = false, first_ = true;
  fmt::memory_buffer text_;

  Ps base_ = 0;
  PacketId limit_;
  std::vector<bool> closed_;         ///< by packet
  std::vector<bool> process_named_;  ///< by packet_process
  std::uint32_t done_ = 0;
  Ps last_close_ = 0;
  Ps cores_end_ = ~Ps{0};
  std::vector<CoreTrack> cores_;
  std::vector<ActivityLog::Mark> marks_;
  ReasonName reason_name_ = nullptr;
};

}  // namespace iovirt
