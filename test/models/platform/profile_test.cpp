// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The profile that comes with iovirt, and how configuration files, assignments and profiles come together.

#include "models/platform/config_loader.h"

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "lib/config_json.h"
#include "models/platform/data_files.h"
#include "models/platform/results.h"
#include "test/support/capture_file.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::platform;
using Catch::Matchers::ContainsSubstring;

namespace {

ConfigRequest with(std::vector<std::string> assignments, std::string file = "") {
  ConfigRequest request{std::move(file), {}};
  for (std::string& assignment : assignments) request.assignments.emplace_back(std::move(assignment), "--set");
  return request;
}

std::string error_of(const ConfigRequest& request, Mode mode = Mode::native) {
  try {
    LoadedConfig loaded(request);
    loaded.check_mode(mode);
    if (loaded.config().traffic.source != software::TrafficSource::pcap || !loaded.config().traffic.file.empty())
      loaded.traffic();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the default profile gives every time, rate and cycle count a value and a source") {
  const LoadedConfig loaded{ConfigRequest{}};
  for (const ConfigField& field : config_fields(config_target(loaded.config()))) {
    INFO(field.path);
    const bool workload = field.path.starts_with("traffic.");
    if (needs_source(field.info.unit) && !workload) CHECK_FALSE(loaded.reader().source(field.path).empty());
  }
}

TEST_CASE("every software cost is configurable") {
  const software::CostsConfig costs;
  CHECK(config_fields(config_target(costs)).size() * sizeof(std::uint64_t) == sizeof(software::Costs));
}

TEST_CASE("an I/O exit costs what was measured, less what the processor model charges") {
  const LoadedConfig loaded{ConfigRequest{}};
  const software::Costs& costs = loaded.config().software.costs;
  constexpr std::uint64_t transition = 1300;  // Dall et al.: 2,565 in the kernel, 6,732 in user space, all-in
  CHECK(transition + costs.kvm_exit_cycles + costs.kvm_mmio_cycles == 2565);
  CHECK(transition + costs.kvm_exit_cycles + costs.kvm_mmio_cycles + costs.kvm_user_exit_cycles == 6732);
}

TEST_CASE("the default machine replays the sample captures") {
  const LoadedConfig loaded{ConfigRequest{}};
  CHECK(loaded.config().traffic.files.size() == 4);
  CHECK(loaded.config().traffic.files[0] == "examples/traffic/iperf3.pcapng");
}

TEST_CASE("the effective configuration reads back as itself") {
  const test::TemporaryFolder folder;
  const LoadedConfig loaded{with({"vms=3", "traffic={\"source\": \"poisson\", \"rate_pps\": \"line\"}"})};
  auto dump = dump_config(config_target(loaded.config()));
  for (const char* unused : {"file", "files", "speed", "server_mac", "macs", "spread", "think_ns"}) dump["traffic"].erase(unused);
  const LoadedConfig again{ConfigRequest{folder.write("c.json", dump.dump()), {}}};
  CHECK(dump_config(config_target(again.config())) == dump_config(config_target(loaded.config())));
}

TEST_CASE("keys that the traffic's source does not read are refused") {
  CHECK_THAT(error_of(with({R"(traffic={"source": "udp_stream", "file": "a.pcap"})"})),
             ContainsSubstring("--set: $.traffic.file: has no effect with traffic.source udp_stream: expected it only with pcap"));
  CHECK_THAT(error_of(with({"traffic.source=udp_stream", "traffic.think_ns=5"})), ContainsSubstring("only with udp_rr"));
  CHECK_THAT(error_of(with({"traffic.packets=5"})), ContainsSubstring("has no effect with traffic.source pcap"));
  // An earlier layer's is merely out of use.
  CHECK(error_of(with({"traffic.file=a.pcap", "traffic.source=udp_stream"})).empty());
  CHECK_THAT(error_of(with({R"(traffic.macs=[{"mac": "02:00:00:00:01:00"}])", "traffic.server_mac=02:00:00:00:01:00"})),
             ContainsSubstring("$.traffic.server_mac: is given beside traffic.macs"));
}

TEST_CASE("a mode asks for what it needs of the NIC") {
  const std::string udp = "traffic.source=udp_stream";
  CHECK(error_of(with({udp, "vms=7"}), Mode::sriov).empty());
  CHECK(error_of(with({udp, "vms=3", "nic.total_vfs=2"}), Mode::sriov) ==
        "--set: $.vms: 3 VMs, but the NIC has 2 VFs: mode sriov expects at most nic.total_vfs");
  CHECK(error_of(with({udp, "vms=3", "nic.total_vfs=2"}), Mode::virtio).empty());
  CHECK_THAT(error_of(with({udp, "vms=4", "nic.total_vfs=4", "nic.pools=4"}), Mode::vmdq), ContainsSubstring("has 4 pools, one of them the host's"));
  CHECK_THAT(error_of(with({udp, "vms=8"})), ContainsSubstring("--set: $.vms: 8 is out of range: expected an integer from 1 to 7"));
  CHECK_THAT(error_of(with({udp, "vms=0"})), ContainsSubstring("$.vms: 0 is out of range"));
}

TEST_CASE("a model's own rule is told with file and key") {
  CHECK_THAT(error_of(with({"nic.total_vfs=5", "nic.pools=4"})), ContainsSubstring("--set: $.nic.total_vfs: "));
  CHECK_THAT(error_of(with({"iommu.iotlb.entries=100"})), ContainsSubstring("$.iommu.iotlb"));
}

TEST_CASE("paths in a configuration file are looked for beside it") {
  const test::TemporaryFolder folder;
  const MacAddress server = {2, 0, 0, 0, 1, 0}, client = {2, 0, 0, 0, 9, 0};
  folder.write("mine.pcap", test::Pcap().add(1, test::ethernet(server, client)).bytes);
  const std::string config = folder.write("c.json", std::string(R"({"traffic": {"file": "mine.pcap"}})"));
  const LoadedConfig loaded{ConfigRequest{config, {}}};
  CHECK(loaded.traffic().count() == 1);
  CHECK(loaded.config().traffic.file == "mine.pcap");
  CHECK_THAT(error_of(with({"traffic.file=other.pcap"}, config)), ContainsSubstring("--set: $.traffic.file: other.pcap: cannot be read"));
}

TEST_CASE("rules that name VMs must name VMs that exist") {
  const test::TemporaryFolder folder;
  const MacAddress server = {2, 0, 0, 0, 1, 0}, client = {2, 0, 0, 0, 9, 0};
  const std::string capture = folder.write("mine.pcap", test::Pcap().add(1, test::ethernet(server, client)).bytes);
  const ConfigRequest request = with({"vms=2", "traffic.file=" + capture, R"(traffic.macs=[{"mac": "02:00:00:00:01:00", "vm": 1}])"});
  const LoadedConfig loaded{request};
  CHECK(loaded.traffic().frames()[0].vm == 1);
  CHECK_THAT(error_of(with({"vms=1", "traffic.file=" + capture, R"(traffic.macs=[{"mac": "02:00:00:00:01:00", "vm": 1}])"})),
             ContainsSubstring("--set: $.traffic.macs[0].vm: VM 1 does not exist"));
}

TEST_CASE("a profile is named, or a file of the user's") {
  const test::TemporaryFolder folder;
  CHECK_THAT(error_of(with({"profile=nonesuch"})), ContainsSubstring("--set: $.profile: nonesuch: no such profile"));
  CHECK_THAT(error_of(with({"profile=" + folder.write("p.json", std::string("[]"))})), ContainsSubstring("p.json: $.") && ContainsSubstring("no entry"));

  const std::string text = read_text_file(find_file("models/platform/profiles/default.json", data_folders()), "a profile");
  auto entries = nlohmann::ordered_json::parse(text);
  for (auto& entry : entries)
    if (entry["path"] == "software.costs.syscall_cycles") entry["value"] = 12;
  const LoadedConfig loaded{with({"profile=" + folder.write("mine.json", entries.dump())})};
  CHECK(loaded.config().software.costs.syscall_cycles == 12);
}

TEST_CASE("data files are found where IOVIRT_DATA says") {
  const test::TemporaryFolder folder;
  ::setenv("IOVIRT_DATA", folder.path().c_str(), 1);
  CHECK(data_folders() == std::vector<std::string>{folder.path()});
  folder.write("x", std::string("x"));
  CHECK(find_file("x", data_folders()) == folder / "x");
  CHECK(find_file("y", data_folders()).empty());
  CHECK(find_file("/nonexistent", data_folders()).empty());
  ::unsetenv("IOVIRT_DATA");
}

TEST_CASE("a machine whose parts cannot work together is refused, naming the key") {
  const std::pair<const char*, const char*> cases[] = {
      {"pcie.ecam_base=0", "$.pcie.ecam_base: the window 0x0"},
      {"pcie.mmio_base=3489660928", "expected a window apart from ECAM"},
      {"iommu.register_base=4276092928", "overlaps the interrupt addresses"},
      {"memory.hole_base=32212254720", "$.memory.hole_base"},
      {"virtio.queue_size=19", "expected a power of two"},
      {"cpu.x2apic=false", "$.cpu.x2apic: false"},
      {"cpu.tsc_deadline=false", "$.cpu.tsc_deadline: false"},
      {"cpu.physical_bits=36", "$.pcie.mmio64_base"},
      {"cpu.ept_tlb_entries=7", "expected a power of two of sets"},
      {"software.vm_memory_mb=4000", "$.software.vm_memory_mb"},
      {"iommu.pass_through=false", "$.iommu.pass_through"},
      {"iommu.guest_address_bits=31", "expected at least 32"},
  };
  for (const auto& [setting, message] : cases) {
    INFO(setting);
    CHECK_THAT(error_of(with({setting})), ContainsSubstring(message));
  }
  CHECK_THAT(error_of(with({"software.iommu_mode=off"}), Mode::sriov), ContainsSubstring("$.software.iommu_mode: off"));
  CHECK(error_of(with({"software.iommu_mode=off"}), Mode::virtio).empty());
}
