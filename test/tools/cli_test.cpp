// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The command line with a machine that only pretends to run.

#include "tools/iovirt/cli.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "test/support/capture_file.h"
#include "test/support/catch.h"
#include "test/support/run_result.h"

using namespace iovirt;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

struct Outcome {
  int status = 0;
  std::string out, err;
  std::vector<platform::Mode> modes;  ///< that were run
};

platform::RunResult pretend(platform::Mode mode, const software::Traffic& traffic, platform::Progress& progress) {
  progress.update(traffic.count() / 2, traffic.count(), 5);
  platform::RunResult run = test::sample_run(mode, traffic.count());
  run.vms = 2;
  return run;
}

using Change = void (*)(platform::RunResult&);

Outcome call(std::vector<std::string> arguments, bool terminal = false, Change change = [](platform::RunResult&) {}) {
  Outcome outcome;
  std::ostringstream out, err;
  arguments.insert(arguments.begin(), "iovirt");
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  outcome.status = cli::run(static_cast<int>(argv.size()), argv.data(), {out, err, terminal},
                            [&](const platform::Config&, platform::Mode mode, const software::Traffic& traffic, platform::Progress& progress,
                                const platform::RunOptions&) {
                              outcome.modes.push_back(mode);
                              auto run = pretend(mode, traffic, progress);
                              change(run);
                              return run;
                            });
  outcome.out = out.str();
  outcome.err = err.str();
  return outcome;
}

nlohmann::json results_in(const std::string& folder) {
  std::ifstream in(folder + "/results.json");
  return nlohmann::json::parse(in);
}

const std::string kUdp = R"(traffic={"source": "udp_stream", "packets": 100})";

}  // namespace

TEST_CASE("compare runs all six modes, prints the table and writes results.json") {
  const test::TemporaryFolder folder;
  const Outcome outcome = call({"compare", "--set", kUdp, "--out", folder / "r"});
  INFO(outcome.err);
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());
  CHECK(outcome.modes.size() == 6);
  CHECK_THAT(outcome.out, ContainsSubstring("traffic: 100 frames") && ContainsSubstring("exits/pkt") && ContainsSubstring("r/results.json\n"));
  const auto json = results_in(folder / "r");
  CHECK(json["schema"] == "iovirt-results/1");
  CHECK(json["seed"] == 1);
  CHECK(json["config"]["traffic"]["packets"] == 100);
  REQUIRE(json["runs"].size() == 6);
  CHECK(json["runs"][5]["mode"] == "sriov");
}

TEST_CASE("modes, seed and repeated assignments are taken from the command line") {
  const test::TemporaryFolder folder;
  const Outcome outcome = call({"compare", "--modes", "sriov,native,sriov", "--seed", "7", "--set", kUdp, "--set", "vms=2",
                                "--set=iommu.posted_interrupts=false", "--out", folder.path()});
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  CHECK(outcome.modes == std::vector{platform::Mode::sriov, platform::Mode::native});
  const auto json = results_in(folder.path());
  CHECK(json["seed"] == 7);
  CHECK(json["config"]["vms"] == 2);
  CHECK(json["config"]["iommu"]["posted_interrupts"] == false);
}

TEST_CASE("run runs the mode it is given, or the configuration's") {
  const test::TemporaryFolder folder;
  const std::string config =
      folder.write("c.json", std::string(R"({"mode": "vmdq", "traffic": {"source": "imix", "packets": 10}})"));
  CHECK(call({"run", config, "--out", folder.path()}).modes == std::vector{platform::Mode::vmdq});
  CHECK(call({"run", config, "--mode", "virtio", "--out", folder.path()}).modes == std::vector{platform::Mode::virtio});
}

TEST_CASE("config prints the effective configuration, with documentation when asked") {
  const Outcome plain = call({"config", "--set", "vms=5", "--set", kUdp});
  REQUIRE(plain.status == 0);
  CHECK(nlohmann::json::parse(plain.out)["vms"] == 5);
  const Outcome docs = call({"config", "--docs", "--set", "vms=5"});
  CHECK_THAT(docs.out, ContainsSubstring("vms = 5\n    virtual machines; an integer from 1 to 7\n    given by --set\n"));
  CHECK_THAT(docs.out, ContainsSubstring("software.costs.kvm_user_exit_cycles = 4167 cycles\n") && ContainsSubstring("    from Dall et al."));
}

TEST_CASE("help and version are answers, bad usage is an error") {
  CHECK(call({"--help"}).status == 0);
  CHECK_THAT(call({"--help"}).out, ContainsSubstring("compare"));
  CHECK_THAT(call({"compare", "--help"}).out, ContainsSubstring("--modes"));
  CHECK(call({"--version"}).status == 0);
  CHECK_THAT(call({"--version"}).out, ContainsSubstring("iovirt "));
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
           {}, {"explode"}, {"compare", "--mdoes", "native"}, {"compare", "a.json", "b.json"}, {"run", "--mode"}, {"compare", "--set"}}) {
    const Outcome outcome = call(bad);
    CHECK(outcome.status == 2);
    CHECK_FALSE(outcome.err.empty());
    CHECK(outcome.modes.empty());
  }
}

TEST_CASE("an error that a run finds is told, written and given as exit status 1") {
  const test::TemporaryFolder folder;
  const Outcome outcome = call({"run", "--mode", "virtio", "--set", kUdp, "--out", folder.path()}, false,
                               [](platform::RunResult& run) { run.packets.corrupted = 1; });
  CHECK(outcome.status == 1);
  CHECK_THAT(outcome.out, ContainsSubstring("virtio: ERROR: 1 packets arrived with other bytes"));
  CHECK(results_in(folder.path())["runs"][0]["errors"].size() == 1);
}

TEST_CASE("a run that throws leaves no results") {
  const test::TemporaryFolder folder;
  const auto broken = [](platform::RunResult&) { throw std::runtime_error("out of buffers"); };
  const Outcome outcome = call({"compare", "--set", kUdp, "--out", folder / "r"}, false, broken);
  CHECK(outcome.status == 1);
  CHECK(outcome.err == "iovirt: native: out of buffers\n");
  CHECK_FALSE(fs::exists(folder / "r"));
}

TEST_CASE("progress is one rewritten line, on a terminal only") {
  const test::TemporaryFolder folder;
  CHECK(call({"compare", "--set", kUdp, "--out", folder.path()}).err.empty());
  const std::string line = call({"compare", "--set", kUdp, "--out", folder.path()}, true).err;
  CHECK_THAT(line, ContainsSubstring("[1/6] native") && ContainsSubstring("[6/6] sriov"));
  CHECK(line.find('\n') == std::string::npos);
  CHECK(line.substr(line.size() - 4) == "\r\x1b[K");
}

TEST_CASE("the same command gives the same results.json, byte for byte") {
  const test::TemporaryFolder folder;
  const auto text = [&](const std::string& name) {
    REQUIRE(call({"compare", "--set", kUdp, "--out", folder / name}).status == 0);
    std::stringstream all;
    all << std::ifstream(folder / name + "/results.json").rdbuf();
    return all.str();
  };
  CHECK(text("a") == text("b"));
}
