// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/results.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <nlohmann/json.hpp>

#include "lib/config_error.h"
#include "test/support/capture_file.h"
#include "test/support/catch.h"
#include "test/support/run_result.h"

using namespace iovirt;
using namespace iovirt::platform;
namespace fs = std::filesystem;

TEST_CASE("a sound run has no errors, and its stages and shares sum") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    const RunResult run = test::sample_run(Mode::virtio, seed);
    REQUIRE(check(run).empty());
    const auto json = to_json(run);
    for (const char* kind : {"rx", "tx", "round_trip"}) {
      double sum = 0;
      for (const auto& [stage, mean] : json["latency_ns"][kind]["stages"].items()) sum += mean.get<double>();
      CHECK(sum == Approx(json["latency_ns"][kind]["mean"].get<double>()).epsilon(1e-12));
      CHECK(json["latency_ns"][kind]["stages"].size() == kStages);
    }
    double cpu = 0;
    for (const auto& [share, fraction] : json["cpu"].items()) cpu += fraction.get<double>();
    CHECK(cpu == Approx(1).epsilon(1e-12));
    std::uint64_t exits = 0;
    for (const auto& [reason, number] : json["exits"]["by_reason"].items()) exits += number.get<std::uint64_t>();
    CHECK(json["exits"]["total"] == exits);
    CHECK_FALSE(json.contains("errors"));
  }
}

TEST_CASE("a run has exactly the keys that scripts rely on") {
  const auto json = to_json(test::sample_run(Mode::sriov, 1));
  const auto keys = [](const nlohmann::ordered_json& object) {
    std::string names;
    for (const auto& [key, value] : object.items()) names += key + " ";
    return names;
  };
  CHECK(keys(json) ==
        "mode vms simulated_ns packets exits interrupts accesses latency_ns throughput_gbps cpu iommu pcie copied_bytes host ");
  CHECK(keys(json["packets"]) == "offered received transmitted dropped corrupted ");
  CHECK(keys(json["exits"]) == "total per_packet by_reason ");
  CHECK(keys(json["interrupts"]) == "msi remapped posted injected taken ");
  CHECK(keys(json["accesses"]) == "device_reads device_writes eoi tmr_reads hlt timer_writes timer_interrupts ");
  CHECK(keys(json["latency_ns"]) == "rx tx round_trip ");
  CHECK(keys(json["latency_ns"]["rx"]) == "count mean p50 p99 p999 max stages ");
  CHECK(keys(json["latency_ns"]["rx"]["stages"]) ==
        "wire nic moderation pcie iommu memory interrupt exit host_kernel host_user copy sched guest ");
  CHECK(keys(json["cpu"]) == "guest host_kernel host_user exit idle ");
  CHECK(keys(json["iommu"]) == "requests iotlb_hits iotlb_misses walks memory_reads invalidations faults fault_log counters by_device by_domain ");
  CHECK(keys(json["pcie"]) == "up_bytes down_bytes tlps stalled_ns ");
  CHECK(keys(json["host"]) == "wall_s packets_per_s events kernel_events ");
  CHECK(keys(results_json(nlohmann::ordered_json::object(), 7, {})) == "schema config seed runs ");
}

TEST_CASE("what does not add up is an error of the run") {
  const auto errors_of = [](auto&& change) {
    RunResult run = test::sample_run(Mode::virtio, 3);
    change(run);
    const auto errors = check(run);
    REQUIRE(errors.size() == 1);
    CHECK(to_json(run)["errors"].size() == 1);
    return errors.front();
  };
  using Catch::Matchers::ContainsSubstring;
  CHECK_THAT(errors_of([](RunResult& run) { run.packets.corrupted = 2; }), ContainsSubstring("2 packets arrived with other bytes"));
  CHECK_THAT(errors_of([](RunResult& run) { run.packets.offered += 3; }), ContainsSubstring("3 are unaccounted for"));
  CHECK_THAT(errors_of([](RunResult& run) { run.cpu[0] += 1; }), ContainsSubstring("the CPUs account for"));
  CHECK_THAT(errors_of([](RunResult& run) { run.errors.push_back("the model says so"); }), ContainsSubstring("the model says so"));
  CHECK_THAT(errors_of([](RunResult& run) { run.mode = Mode::native; }), ContainsSubstring("exits without a VM"));
  CHECK_THAT(errors_of([](RunResult& run) {
               run.rx.add(StageTimes{});
             }),
             ContainsSubstring("have a latency"));
}

TEST_CASE("an empty run is all zeros, not a division by nothing") {
  RunResult run;
  CHECK(check(run).empty());
  const std::string text = to_json(run).dump();
  CHECK(text.find("null") == std::string::npos);
  CHECK(text.find("nan") == std::string::npos);
}

TEST_CASE("results are written whole, into a folder that is made for them") {
  const test::TemporaryFolder folder;
  {
    ResultsFile file(folder / "a/b");
    CHECK(fs::is_empty(folder / "a/b"));
    file.commit(results_json({{"vms", 1}}, 1, {test::sample_run(Mode::native, 1)}));
  }
  std::ifstream in(folder / "a/b/results.json");
  const auto json = nlohmann::json::parse(in);
  CHECK(json["schema"] == "iovirt-results/1");
  CHECK(json["runs"][0]["mode"] == "native");
  CHECK(std::distance(fs::directory_iterator(folder / "a/b"), {}) == 1);
}

TEST_CASE("a list written element by element reads as if it had been there") {
  using Json = nlohmann::ordered_json;
  const auto element = [](int i) { return Json{{"index", i}, {"odd", i % 2 == 1}, {"classes", Json::array({i, "two\nlines"})}}; };
  for (const int elements : {0, 1, 3}) {
    INFO(elements << " elements");
    Json whole = {{"schema", "a"}, {"runs", Json::array({Json{{"before", 1}, {"list", Json::array()}, {"after", Json::object()}}})}};
    const test::TemporaryFolder folder;
    ResultsFile file(folder.path());
    file.commit(whole, "list", [&, i = 0](Json& next) mutable {
      if (i == elements) return false;
      next = element(i++);
      return true;
    });
    for (int i = 0; i < elements; ++i) whole["runs"][0]["list"].push_back(element(i));
    std::ifstream in(folder / "results.json");
    std::stringstream text;
    text << in.rdbuf();
    CHECK(text.str() == whole.dump(2) + "\n");
  }
}

TEST_CASE("results that cannot be written any more are an error, and leave nothing half-written") {
  const test::TemporaryFolder folder;
  fs::create_directory(folder / "gone");
  ResultsFile file(folder / "gone");
  fs::remove_all(folder / "gone");
  CHECK_THROWS_WITH(file.commit(results_json({{"vms", 1}}, 1, {test::sample_run(Mode::native, 1)})), Catch::Matchers::ContainsSubstring("cannot be written"));
  CHECK_FALSE(fs::exists(folder / "gone"));
}

TEST_CASE("without results nothing is left, and an older file stays as it was") {
  const test::TemporaryFolder folder;
  { ResultsFile file(folder / "new"); }
  CHECK_FALSE(fs::exists(folder / "new"));
  const std::string old = folder.write("results.json", std::string("old"));
  { ResultsFile file(folder.path()); }
  std::ifstream in(old);
  std::stringstream text;
  text << in.rdbuf();
  CHECK(text.str() == "old");
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a folder that cannot be written is refused before anything runs") {
  const test::TemporaryFolder folder;
  folder.write("file", std::string("x"));
  CHECK_THROWS_AS(ResultsFile(folder / "file"), ConfigError);
  CHECK_THROWS_AS(ResultsFile(folder / "file/below"), ConfigError);
  CHECK_THROWS_WITH(ResultsFile("/proc/iovirt"), Catch::Matchers::ContainsSubstring("--out: /proc/iovirt: ") &&
                                                     Catch::Matchers::ContainsSubstring("(expected a folder that can be written)"));
  fs::create_directories(folder / "taken/results.json");
  CHECK_THROWS_AS(ResultsFile(folder / "taken"), ConfigError);
}
