// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Everything a run is made from: one key per model folder, and the traffic.
#pragma once

#include <cstdint>
#include <string>

#include "lib/config_field.h"
#include "models/cpu/config.h"
#include "models/iommu/config.h"
#include "models/memory/config.h"
#include "models/nic/config.h"
#include "models/pcie/config.h"
#include "models/platform/mode.h"
#include "models/software/config.h"
#include "models/software/workloads/traffic_config.h"
#include "models/virtio/config.h"

namespace iovirt::platform {

inline constexpr std::uint32_t kMaxVms = 7;

struct Config {
  Mode mode = Mode::sriov;
  std::uint32_t vms = 1;
  software::TrafficConfig traffic;
  std::string profile = "default";
  cpu::Config cpu;
  memory::Config memory;
  pcie::Config pcie;
  iommu::Config iommu;
  nic::Config nic;
  virtio::Config virtio;
  software::Config software;

  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("mode", self.mode, {.doc = "what `iovirt run` runs"});
    visit("vms", self.vms, {.doc = "virtual machines", .min = 1, .max = kMaxVms});
    visit("traffic", self.traffic, {.doc = "what goes through the NIC"});
    visit("profile", self.profile, {.doc = "where times, rates and cycles come from: the name of a profile that comes with iovirt, or a file"});
    visit("cpu", self.cpu, {.doc = "processor"});
    visit("memory", self.memory, {.doc = "memory and last-level cache"});
    visit("pcie", self.pcie, {.doc = "root complex and links"});
    visit("iommu", self.iommu, {.doc = "VT-d"});
    visit("nic", self.nic, {.doc = "network interface"});
    visit("virtio", self.virtio, {.doc = "virtio-net"});
    visit("software", self.software, {.doc = "what runs on the CPUs"});
  }
};

}  // namespace iovirt::platform
