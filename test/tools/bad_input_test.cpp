// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Every kind of bad input, given to the program as a user would: exit status 2, a message that names file and key and
// says what was expected, nothing on stdout, and no results.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>
#include <sys/wait.h>

#include "test/support/capture_file.h"
#include "test/support/catch.h"

using iovirt::test::ethernet;
using iovirt::test::Pcap;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

constexpr std::array<std::uint8_t, 6> kServer = {2, 0, 0, 0, 1, 0}, kClient = {2, 0, 0, 0, 9, 0};

struct Bench {
  iovirt::test::TemporaryFolder folder;

  struct Outcome {
    int status;
    std::string out, err;
  };

  Outcome run(const std::vector<std::string>& arguments) const {
    std::string command = "cd " + quoted(folder.path()) + " && " + quoted(IOVIRT_COMMAND);
    for (const std::string& argument : arguments) command += " " + quoted(argument);
    command += " >" + quoted(folder / "stdout") + " 2>" + quoted(folder / "stderr");
    const int status = std::system(command.c_str());
    REQUIRE(WIFEXITED(status));
    return {WEXITSTATUS(status), text("stdout"), text("stderr")};
  }

  /// Runs `compare` on a configuration called two_node.json, in the current folder.
  void refused(const std::string& config, const std::string& message, std::vector<std::string> more = {}) const {
    folder.write("two_node.json", config);
    more.insert(more.begin(), {"compare", "two_node.json", "--out", "r"});
    refused_call(more, message);
  }
  void refused_call(const std::vector<std::string>& arguments, const std::string& message) const {
    const Outcome outcome = run(arguments);
    INFO(outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK_THAT(outcome.err, ContainsSubstring(message));
    CHECK(outcome.err.find('\n') == outcome.err.size() - 1);
    CHECK_FALSE(fs::exists(folder / "r"));
    CHECK_FALSE(fs::exists(folder / "out"));
  }
  void refused_capture(const iovirt::test::Bytes& capture, const std::string& message) const {
    folder.write("x.pcap", capture);
    refused(R"({"traffic": {"file": "x.pcap"}})", "two_node.json: $.traffic.file: x.pcap: " + message);
  }

 private:
  static std::string quoted(const std::string& text) { return "'" + text + "'"; }
  std::string text(const std::string& name) const {
    std::stringstream all;
    all << std::ifstream(folder / name).rdbuf();
    return all.str();
  }
};

const std::string kUdp = R"("traffic": {"source": "udp_stream", "packets": 10})";

}  // namespace

TEST_CASE("bad input: an unknown key") {
  Bench().refused(R"({"iommu": {"walkerz": 512}})", "two_node.json: $.iommu.walkerz: unknown key (did you mean walkers?)");
  Bench().refused("{}", "--set: $.iommu.walkerz: unknown key (did you mean walkers?)", {"--set", "iommu.walkerz=5"});
}

TEST_CASE("bad input: a value of the wrong type") {
  Bench().refused(R"({"iommu": {"walkers": "six"}})", "two_node.json: $.iommu.walkers: \"six\" is a string: expected an integer from 1 to 256");
}

TEST_CASE("bad input: a negative number") {
  Bench().refused(R"({"iommu": {"walkers": -1}})", "two_node.json: $.iommu.walkers: -1 is out of range: expected an integer from 1 to 256");
}

TEST_CASE("bad input: a number that overflows") {
  Bench().refused(R"({"iommu": {"walkers": 99999999999}})", "two_node.json: $.iommu.walkers: 99999999999 is out of range");
  Bench().refused(R"({"traffic": {"seed": 18446744073709551616}})", "two_node.json: $.traffic.seed: ");
  Bench().refused("{}", "--seed: $.traffic.seed: -1 is out of range", {"--seed", "-1"});
}

TEST_CASE("bad input: an unknown mode") {
  Bench().refused_call({"run", "--mode", "sriovv", "--out", "r"},
                       "--mode: unknown mode \"sriovv\" (did you mean sriov?): expected native, emulated, virtio, vmdq, assigned, sriov");
  Bench().refused_call({"compare", "--modes", "native,pigeon", "--out", "r"}, "--modes: unknown mode \"pigeon\": expected native, ");
  Bench().refused(R"({"mode": "nativ"})", "two_node.json: $.mode: unknown value \"nativ\" (did you mean native?)");
}

TEST_CASE("bad input: more VMs than VFs") {
  Bench().refused(R"({"vms": 5, "nic": {"total_vfs": 4}, )" + kUdp + "}", "two_node.json: $.vms: 5 VMs, but the NIC has 4 VFs");
  Bench().refused(R"({"vms": 8})", "two_node.json: $.vms: 8 is out of range: expected an integer from 1 to 7");
}

TEST_CASE("bad input: a missing file") {
  Bench().refused_call({"compare", "three_node.json", "--out", "r"}, "three_node.json: cannot be read: No such file or directory");
  Bench().refused(R"({"traffic": {"file": "y.pcap"}})",
                  "two_node.json: $.traffic.file: y.pcap: cannot be read: No such file or directory (expected a pcap or pcapng file)");
  Bench().refused(R"({"profile": "fast"})", "two_node.json: $.profile: fast: no such profile");
}

TEST_CASE("bad input: not a capture") {
  Bench().refused_capture({'#', '!', '/', 'b', 'i', 'n', '/', 's', 'h', '\n', 'l', 's', '\n'}, "is not a capture (expected pcap or pcapng)");
  Bench().refused_capture({}, "is an empty file: not a capture");
}

TEST_CASE("bad input: a truncated capture") {
  auto cut = Pcap().add(1, ethernet(kServer, kClient)).add(2, ethernet(kServer, kClient)).bytes;
  cut.resize(cut.size() - 7);
  Bench().refused_capture(cut, "truncated capture: cut off at packet 2");
}

TEST_CASE("bad input: an empty capture") { Bench().refused_capture(Pcap().bytes, "is an empty capture: expected at least one packet"); }

TEST_CASE("bad input: a frame above the MTU") {
  Bench().refused_capture(Pcap().add(1, ethernet(kServer, kClient)).add(2, ethernet(kServer, kClient, 9014)).bytes,
                          "packet 2 has 9014 bytes, above the MTU: expected at most 1514");
  Bench().refused(R"({"traffic": {"source": "udp_stream", "size_bytes": 1515}})",
                  "two_node.json: $.traffic.size_bytes: 1515 is out of range: expected an integer from 60 to 1514 bytes");
}

TEST_CASE("bad input: an output folder that cannot be written") {
  const Bench bench;
  bench.folder.write("two_node.json", "{" + kUdp + "}");
  bench.refused_call({"compare", "two_node.json", "--out", "two_node.json"}, "--out: two_node.json: ");
  bench.refused_call({"compare", "two_node.json", "--out", "/proc/iovirt"}, "(expected a folder that can be written)");
}

TEST_CASE("bad input: a JSON syntax error") {
  Bench().refused("{\n  \"vms\": 3,\n  \"mode\": native\n}", "two_node.json: line 3, column 12: JSON syntax error: ");
  Bench().refused("", "two_node.json: line 1, column 1: JSON syntax error: ");
  Bench().refused(R"({"vms": 1, "vms": 2})", "two_node.json: $.vms: key given twice");
}

TEST_CASE("bad input: a trace for translate") {
  const Bench bench;
  const std::string header = "time_ns,requester,pasid,address,size_bytes,access\n";
  bench.folder.write("t.csv", header + "0,03:00.0,,0x1000,64,r\n1,03:00.0,,0x1000,64,x\n");
  bench.refused_call({"translate", "t.csv", "--out", "r"}, "iovirt: t.csv: line 3: access: \"x\": expected r or w");
  bench.refused_call({"translate", "none.csv", "--out", "r"}, "iovirt: none.csv: No such file or directory (expected a trace of DMA accesses)");
  bench.refused_call({"translate", "t.csv", "--convert-to", "r/t.bin"}, "iovirt: --convert-to: r/t.bin: No such file");
  bench.refused_call({"translate", "t.csv", "--convert-to", "out"}, "iovirt: t.csv: line 3: access");
  bench.folder.write("t.csv", header + "0,03:00.0,,0x1000,64,r\n");
  bench.refused_call({"translate", "t.csv", "--set", "iommu.walkerz=5", "--out", "r"}, "iovirt: --set: $.iommu.walkerz: unknown key (did you mean walkers?)");
  bench.refused_call({"translate", "t.csv", "--out", "t.csv"}, "iovirt: --out: t.csv:");
  bench.refused_call({"tenants", "r/t.bin"}, "iovirt: FILE: r/t.bin: No such file");
  bench.refused_call({"tenants", "out", "--set", "tenants=70000"}, "iovirt: --set: $.tenants: ");
  bench.refused_call({"tenants", "out", "--set", "first_requester=65535"}, "iovirt: defaults: $.tenants: expected first_requester and all tenants within 65536 requester ids");
  bench.refused_call({"tenants"}, "iovirt: FILE: missing");
}

TEST_CASE("translate prints a table and writes results.json, from a trace that tenants made") {
  const Bench bench;
  REQUIRE(bench.run({"tenants", "t.csv", "--set", "tenants=3", "--set", "requests=200"}).out == "t.csv: 200 records\n");
  REQUIRE(bench.run({"translate", "t.csv", "--convert-to", "t.bin"}).out == "t.bin: 200 records\n");
  const auto outcome = bench.run({"translate", "t.bin", "--set", "iommu.walkers=2", "--out", "r"});
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK_THAT(outcome.out, ContainsSubstring("200 requests of 3 requesters") && ContainsSubstring("01:00.2") && ContainsSubstring("r/results.json\n"));
  std::ifstream file(bench.folder / "r/results.json");
  const auto json = nlohmann::json::parse(file);
  CHECK(json["schema"] == "iovirt-results/1");
  CHECK(json["config"]["iommu"]["walkers"] == 2);
  const auto& run = json["runs"][0];
  CHECK(run["requests"]["answered"] == 200);
  CHECK(run["iommu"]["requests"] == 200);
  CHECK(run["requesters"].size() == 3);
  CHECK(run["latency_ns"]["count"] == 200);
  CHECK(run["host"]["requests_per_s"] > 0);
}

TEST_CASE("bad input: measurements for validate") {
  const Bench bench;
  const std::string header = "iommu,test,pattern,cache,host_offset_B,device_offset_B,window,size_B,avg_ns,bandwidth_gbps\n";
  bench.folder.write("m.csv", header + "off,LAT_DMA_RD,Rand,HWarm,0,0,8KB,64,fast,\n");
  bench.refused_call({"validate", "pcie-bench", "m.csv", "--out", "r"}, "iovirt: m.csv:2: column avg_ns: \"fast\": expected nanoseconds above 0");
  bench.refused_call({"validate", "pcie-bench", "none.csv", "--out", "r"}, "iovirt: none.csv: cannot be read");
  bench.folder.write("m.csv", header + "on_4KiB,LAT_DMA_RD,Rand,HWarm,0,0,8KB,64,563.2,\n");
  bench.refused_call({"validate", "pcie-bench", "m.csv", "--out", "r"}, "iovirt: m.csv: no points with the IOMMU off (expected some, or --iommu)");
  bench.refused_call({"validate", "pcie-bench", "--set", "iommu.walkerz=5", "--out", "r"}, "iovirt: --set: $.iommu.walkerz: unknown key (did you mean walkers?)");
  bench.refused_call({"validate", "pcie-bench", "--seed", "-1", "--out", "r"}, "iovirt: --set: $.seed: ");
  bench.refused_call({"validate", "pcie-bench", "--out", "/proc/iovirt"}, "(expected a folder that can be written)");
}

TEST_CASE("bad input: what protection is validated with") {
  const Bench bench;
  bench.refused_call({"validate", "protection", "--set", "software.iommu_mod=off", "--out", "r"},
                     "iovirt: --set: $.software.iommu_mod: unknown key (did you mean iommu_mode?)");
  bench.refused_call({"validate", "protection", "--set", "iommu.pages_2m=false", "--out", "r"}, "$.iommu.pages_1g: expected");
  bench.refused_call({"validate", "fast-and-safe", "--set", "stream.ring_pages=300", "--out", "r"}, "$.stream.ring_pages: 300: expected a multiple of 64");
  bench.refused_call({"validate", "fast-and-safe", "--set", "stream.flowz=5", "--out", "r"}, "$.stream.flowz: unknown key (did you mean flows?)");
  bench.refused_call({"validate", "fast-and-safe", "--set", "software.iommu_mode=off", "--out", "r"}, "software.iommu_mode: the paper's points decide it");
  bench.refused_call({"validate", "fast-and-safe", "--out", "/proc/iovirt"}, "(expected a folder that can be written)");
}

TEST_CASE("validate protection prints every mode and writes results.json") {
  const Bench bench;
  const auto outcome = bench.run({"validate", "protection", "--out", "r"});
  INFO(outcome.err);
  CHECK(outcome.status == 0);
  CHECK_THAT(outcome.out, ContainsSubstring("strict, no address cache") && ContainsSubstring("huge_pages") && ContainsSubstring("published"));
  std::ifstream file(bench.folder / "r/results.json");
  CHECK(nlohmann::json::parse(file)["modes"].size() == 7);
}

TEST_CASE("validate compares a table of one's own, and says by its exit status whether it is met") {
  const Bench bench;
  const std::string header = "iommu,test,pattern,cache,host_offset_B,device_offset_B,window,size_B,avg_ns,bandwidth_gbps\n";
  const std::vector<std::string> arguments = {"validate", "pcie-bench", "m.csv", "--iommu", "--out", "r", "--set", "latency_transfers=500"};
  bench.folder.write("m.csv", header + "on_4KiB,LAT_DMA_RD,Rand,HWarm,0,0,4MB,64,825.5,\n");
  const auto met = bench.run(arguments);
  INFO(met.err);
  CHECK(met.status == 0);
  CHECK_THAT(met.out, ContainsSubstring("1 points, 0 outside their bounds\nvalidated\n"));
  std::ifstream file(bench.folder / "r/results.json");
  const auto json = nlohmann::json::parse(file);
  CHECK(json["schema"] == "iovirt-validation/1");
  CHECK(json["points"][0]["measured"] == 825.5);
  CHECK(json["points"][0]["within"] == true);
  CHECK(fs::file_size(bench.folder / "r/pcie-bench.svg") > 500);

  bench.folder.write("m.csv", header + "on_4KiB,LAT_DMA_RD,Rand,HWarm,0,0,4MB,64,1000,\n");
  const auto missed = bench.run(arguments);
  CHECK(missed.status == 1);
  CHECK_THAT(missed.out, ContainsSubstring("NOT validated"));
}
