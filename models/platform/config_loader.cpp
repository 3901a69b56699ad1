// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/config_loader.h"

#include <algorithm>
#include <bit>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "models/platform/data_files.h"

namespace iovirt::platform {

using software::TrafficSource;

namespace {

constexpr std::uint64_t kHostBytes = 128ull << 20;  ///< kernel, rings, buffers and tables of the host

const std::vector<std::string_view> kProfiledRoots = {"cpu", "memory", "pcie", "iommu", "nic", "virtio", "software"};

const std::vector<std::string> kSampleCaptures = {"examples/traffic/iperf3.pcapng", "examples/traffic/http.pcapng",
                                                  "examples/traffic/redis.pcapng", "examples/traffic/dns.pcapng"};

}  // namespace

LoadedConfig::LoadedConfig(const ConfigRequest& request) {
  if (!request.file.empty()) {
    const auto parent = std::filesystem::path(request.file).parent_path();
    if (!parent.empty()) folders_.push_back(parent.string());
  }
  folders_.emplace_back(".");
  for (std::string& folder : data_folders()) folders_.push_back(std::move(folder));

  // Which profile to start from is itself configured: read once to know it.
  Config scratch;
  ConfigReader peek(config_target(scratch));
  apply(request, peek);
  const bool named = scratch.profile.find('/') == std::string::npos && !scratch.profile.ends_with(".json");
  const std::string path = named ? fmt::format("models/platform/profiles/{}.json", scratch.profile) : scratch.profile;
  const std::string profile = named ? find_file(path, data_folders()) : found(path);
  if (profile.empty()) peek.fail("profile", fmt::format("{}: no such profile (expected the name of one that comes with iovirt, or a file)", scratch.profile));

  reader_.profile_file(profile);
  reader_.require_profile(kProfiledRoots, profile);
  apply(request, reader_);
  check_traffic_keys();
  check_models();
  if (config_.traffic.source == TrafficSource::pcap && config_.traffic.file.empty() && config_.traffic.files.empty())
    config_.traffic.files = kSampleCaptures;
}

void LoadedConfig::apply(const ConfigRequest& request, ConfigReader& reader) const {
  if (!request.file.empty()) reader.file(request.file);
  for (const auto& [assignment, origin] : request.assignments) reader.set(assignment, origin);
}

/// A key that the chosen source does not read would load silently: it is refused when it was given together with the
/// source or after it. (One from an earlier layer is merely out of use.)
void LoadedConfig::check_traffic_keys() const {
  struct Use {
    std::string_view key;
    std::vector<TrafficSource> sources;
  };
  using enum TrafficSource;
  static const std::vector<Use> uses = {
      {"file", {pcap}}, {"files", {pcap}}, {"speed", {pcap}}, {"server_mac", {pcap}}, {"macs", {pcap}}, {"spread", {pcap}},
      {"size_bytes", {udp_stream, udp_rr, poisson}}, {"packets", {udp_stream, udp_rr, imix, poisson}},
      {"rate_pps", {udp_stream, imix, poisson}}, {"direction", {udp_stream, imix, poisson}}, {"think_ns", {udp_rr}}};
  const TrafficSource source = config_.traffic.source;
  Config untouched;
  auto defaults = dump_config(config_target(untouched))["traffic"];
  auto given = dump_config(config_target(config_))["traffic"];
  for (const Use& use : uses) {
    const std::string path = fmt::format("traffic.{}", use.key);
    const unsigned layer = reader_.layer(path);
    if (layer == 0 || layer < reader_.layer("traffic.source")) continue;
    if (std::find(use.sources.begin(), use.sources.end(), source) != use.sources.end()) continue;
    if (given[std::string(use.key)] == defaults[std::string(use.key)]) continue;  // as in a dump of the effective configuration
    std::vector<std::string_view> names;
    for (const auto& [name, value] : EnumNames<TrafficSource>::values)
      if (std::find(use.sources.begin(), use.sources.end(), value) != use.sources.end()) names.push_back(name);
    const auto* current = std::find_if(std::begin(EnumNames<TrafficSource>::values), std::end(EnumNames<TrafficSource>::values),
                                       [&](const auto& entry) { return entry.second == source; });
    reader_.fail(path, fmt::format("has no effect with traffic.source {}: expected it only with {}", current->first, fmt::join(names, ", ")));
  }
  if (reader_.layer("traffic.macs") != 0 && !config_.traffic.macs.empty() && reader_.layer("traffic.server_mac") != 0 &&
      given["server_mac"] != defaults["server_mac"])
    reader_.fail("traffic.server_mac", "is given beside traffic.macs: expected one of them");
}

/// The models' own rules name a key below their folder: "iotlb.ways: ...".
void LoadedConfig::check_models() const {
  const auto check = [&](std::string_view folder, const auto& model) {
    if constexpr (requires { model.validate(); }) {
      try {
        model.validate();
      } catch (const std::invalid_argument& error) {
        std::string_view what = error.what();
        const std::string prefix = fmt::format("{}.", folder);
        if (what.starts_with(prefix)) what.remove_prefix(prefix.size());
        const std::size_t colon = what.find(": ");
        if (colon == std::string_view::npos) reader_.fail(folder, what);
        reader_.fail(fmt::format("{}.{}", folder, what.substr(0, colon)), what.substr(colon + 2));
      }
    }
  };
  check("cpu", config_.cpu);
  check("memory", config_.memory);
  check("pcie", config_.pcie);
  check("iommu", config_.iommu);
  check("nic", config_.nic);
  check("virtio", config_.virtio);
  check("software", config_.software);
  check_machine();
}

/// The windows below 4 GiB lie in the hole RAM leaves, apart from each other and from the interrupt addresses.
void LoadedConfig::check_address_map() const {
  struct Window {
    std::string_view key;
    std::uint64_t base, bytes;
  };
  const std::uint64_t hole = config_.memory.hole_base, end = hole + config_.memory.hole_bytes;
  constexpr std::uint64_t kInterrupts = 0xfee0'0000, kInterruptBytes = 0x10'0000;
  if (end > 1ull << 32 || hole < 1ull << 24)
    reader_.fail("memory.hole_base", fmt::format("the hole for devices is {:#x} to {:#x}: expected it between 16 MiB and 4 GiB", hole, end));
  const Window windows[] = {{"pcie.ecam_base", config_.pcie.ecam_base, pcie::Config::kEcamBytes},
                            {"pcie.mmio_base", config_.pcie.mmio_base, config_.pcie.mmio_bytes},
                            {"iommu.register_base", config_.iommu.register_base, config_.pcie.chipset_bytes},
                            {"", kInterrupts, kInterruptBytes}};
  for (const Window& window : windows) {
    if (window.key.empty()) continue;
    if (window.base < hole || window.bytes > end - window.base || window.base >= end)
      reader_.fail(window.key, fmt::format("the window {:#x}, {:#x} bytes, is not in the hole RAM leaves for devices: expected it within {:#x} to {:#x}",
                                           window.base, window.bytes, hole, end));
    for (const Window& other : windows)
      if (&other != &window && window.base < other.base + other.bytes && other.base < window.base + window.bytes)
        reader_.fail(window.key, fmt::format("the window {:#x}, {:#x} bytes, overlaps {}: expected it apart", window.base, window.bytes,
                                             other.key.empty() ? "the interrupt addresses" : other.key));
  }
}

/// What the parts ask of each other, and the simulated kernels of the processor.
void LoadedConfig::check_machine() const {
  if (!config_.cpu.x2apic) reader_.fail("cpu.x2apic", "false, but the simulated kernels use x2APIC mode: expected true");
  if (!config_.cpu.tsc_deadline)
    reader_.fail("cpu.tsc_deadline", "false, but the simulated kernels' timers are TSC deadlines: expected true");
  if (config_.cpu.ept_tlb_entries % config_.cpu.ept_tlb_ways != 0 ||
      !std::has_single_bit(config_.cpu.ept_tlb_entries / config_.cpu.ept_tlb_ways))
    reader_.fail("cpu.ept_tlb_entries", fmt::format("{} entries in {} ways: expected a power of two of sets", config_.cpu.ept_tlb_entries, config_.cpu.ept_tlb_ways));
  if (!config_.iommu.pass_through && config_.software.iommu_mode == software::IommuMode::passthrough)
    reader_.fail("iommu.pass_through", "false, but software.iommu_mode is passthrough: expected true, or another mode");
  if (!config_.iommu.pages_2m && config_.software.iommu_mode == software::IommuMode::huge_pages)
    reader_.fail("iommu.pages_2m", "false, but software.iommu_mode is huge_pages: expected true, or another mode");
  const std::uint64_t reach = 1ull << config_.cpu.physical_bits;
  if (config_.pcie.mmio64_base + config_.pcie.mmio64_bytes > reach)
    reader_.fail("pcie.mmio64_base", fmt::format("the window ends beyond cpu.physical_bits = {}: expected an end of at most {:#x}", config_.cpu.physical_bits, reach));
  if (!std::has_single_bit(config_.virtio.queue_size))
    reader_.fail("virtio.queue_size", fmt::format("{}: expected a power of two", config_.virtio.queue_size));
  if (!config_.iommu.four_level) reader_.fail("iommu.four_level", "false, but the simulated driver builds 4-level tables: expected true");
  if (config_.iommu.guest_address_bits < 32)
    reader_.fail("iommu.guest_address_bits", fmt::format("{}, but the simulated driver hands out 32-bit I/O addresses: expected at least 32", config_.iommu.guest_address_bits));
  check_address_map();
  const std::uint64_t ram = std::min(config_.memory.size_bytes, config_.memory.hole_base);
  const std::uint64_t needed = kHostBytes + config_.vms * (config_.software.vm_memory_mb << 20);
  if (needed > ram)
    reader_.fail("software.vm_memory_mb", fmt::format("{} VMs of {} MB and the host's {} MB need more RAM than the {} MB below the device hole: expected less, or more memory.size_bytes",
                                                      config_.vms, config_.software.vm_memory_mb, kHostBytes >> 20, ram >> 20));
}

void LoadedConfig::check_mode(Mode mode) const {
  const nic::Config& nic = config_.nic;
  if (mode == Mode::sriov && config_.vms > nic.total_vfs)
    reader_.fail("vms", fmt::format("{} VMs, but the NIC has {} VFs: mode sriov expects at most nic.total_vfs", config_.vms, nic.total_vfs));
  // The physical function keeps a pool; natively several applications are sorted by pools too.
  const bool pools = mode == Mode::sriov || mode == Mode::vmdq || (mode == Mode::native && config_.vms > 1);
  if (pools && config_.vms >= nic.pools)
    reader_.fail("vms", fmt::format("{} VMs, but the NIC has {} pools, one of them the host's: mode {} expects fewer VMs than nic.pools",
                                    config_.vms, nic.pools, name_of(mode)));
  if ((mode == Mode::sriov || mode == Mode::assigned) && config_.software.iommu_mode == software::IommuMode::off)
    reader_.fail("software.iommu_mode", fmt::format("off, but mode {} gives devices to VMs through the IOMMU: expected another mode", name_of(mode)));
}

std::string LoadedConfig::found(const std::string& path) const { return find_file(path, folders_); }

software::Traffic LoadedConfig::traffic() const {
  software::TrafficConfig traffic = config_.traffic;
  // What is found nowhere keeps its name, and is reported under it.
  const auto locate = [&](std::string& path) {
    if (std::string there = found(path); !there.empty()) path = std::move(there);
  };
  if (!traffic.file.empty()) locate(traffic.file);
  for (std::string& file : traffic.files) locate(file);
  try {
    return software::prepare_traffic(traffic, config_.vms, config_.nic.link_speed_mbps);
  } catch (const software::TrafficError& error) {
    reader_.fail(fmt::format("traffic.{}", error.key), error.what());
  }
}

}  // namespace iovirt::platform
