// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What a CPU does with its time, and what a packet's time is charged to.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace iovirt {

/// Where a packet's latency goes; the keys of `stages` in results.json.
enum class Stage : std::uint8_t {
  wire, nic, moderation, pcie, iommu, memory, interrupt, exit, host_kernel, host_user, copy, sched, guest
};
inline constexpr std::size_t kStages = 13;
inline constexpr std::array<std::string_view, kStages> kStageNames = {
    "wire", "nic", "moderation", "pcie", "iommu", "memory", "interrupt",
    "exit", "host_kernel", "host_user", "copy", "sched", "guest"};

/// What a core is doing. Finer than the shares reported under `cpu`, so that a packet that waits for a core
/// can be charged to the right stage.
enum class Activity : std::uint8_t {
  idle, guest, guest_copy, host_kernel, host_user, host_copy, exit, interrupt, sched
};
inline constexpr std::size_t kActivities = 9;

/// The shares of `cpu` in results.json.
enum class Share : std::uint8_t { guest, host_kernel, host_user, exit, idle };
inline constexpr std::size_t kShares = 5;
inline constexpr std::array<std::string_view, kShares> kShareNames = {"guest", "host_kernel", "host_user", "exit", "idle"};

/// The stage a packet is in while it waits for a core that is busy with `activity`.
/// An idle core that has a packet waiting is waking up: that is scheduling.
constexpr Stage stage_of(Activity activity) {
  constexpr Stage map[kActivities] = {Stage::sched, Stage::guest, Stage::copy, Stage::host_kernel, Stage::host_user,
                                      Stage::copy,  Stage::exit,  Stage::interrupt, Stage::sched};
  return map[static_cast<std::size_t>(activity)];
}

/// Interrupt entry and scheduling are the host kernel's work; a guest's copy is the guest's time.
constexpr Share share_of(Activity activity) {
  constexpr Share map[kActivities] = {Share::idle, Share::guest, Share::guest, Share::host_kernel, Share::host_user,
                                      Share::host_kernel, Share::exit, Share::host_kernel, Share::host_kernel};
  return map[static_cast<std::size_t>(activity)];
}

}  // namespace iovirt
