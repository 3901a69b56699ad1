// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/report.h"

#include <sstream>

#include "test/support/catch.h"
#include "test/support/run_result.h"

using namespace iovirt;
using namespace iovirt::platform;
using Catch::Matchers::ContainsSubstring;

namespace {

/// 6 modes with the largest numbers a run may bring.
std::vector<RunResult> wide_runs() {
  std::vector<RunResult> runs;
  for (Mode mode : kModes) {
    RunResult run = test::sample_run(mode, 5);
    for (std::uint64_t i = run.rx.count(); i < 2'000'000 && mode == Mode::emulated; i += 1'000'000) {
      StageTimes stages;
      stages[Stage::guest] = 90'000'000'000;  // 90 ms
      run.rx.add(stages);
    }
    runs.push_back(std::move(run));
  }
  runs[1].packets.received = 12'345'678;
  return runs;
}

}  // namespace

TEST_CASE("the report is plain text that fits a terminal") {
  std::istringstream lines(report(wide_runs()));
  std::string line;
  while (std::getline(lines, line)) {
    INFO(line);
    if (line.find("ERROR") == std::string::npos) CHECK(line.size() <= 118);
    CHECK((line.empty() || line.back() != ' '));
    for (char c : line) REQUIRE((c >= ' ' && c <= '~'));
  }
}

TEST_CASE("the report names every mode, the exits by reason and the stages") {
  std::vector<RunResult> runs;
  for (Mode mode : kModes) runs.push_back(test::sample_run(mode, 11));
  const std::string text = report(runs);
  for (std::string_view mode : kModeNames) CHECK_THAT(text, ContainsSubstring(std::string(mode)));
  CHECK_THAT(text, ContainsSubstring("\nEPT_MISCONFIG ") && ContainsSubstring("\nHLT "));
  CHECK(text.find("MSR_WRITE") == std::string::npos);  // never happened
  CHECK_THAT(text, ContainsSubstring("Where a received packet's time goes (mean, us)\n"));
  CHECK_THAT(text, ContainsSubstring("\nhost_kernel "));
  CHECK(text.find("ERROR") == std::string::npos);
}

TEST_CASE("faults are told by reason, and the first one recorded with who asked for what") {
  RunResult run = test::sample_run(Mode::sriov, 11);
  run.iommu.faults["no_write_permission"] = 1234;
  run.iommu.fault_log = {{0x0180, 5, 0x4000'0000, false}, {0x0100, 6, 0, true}};
  const std::string text = report({run});
  CHECK_THAT(text, ContainsSubstring("\nsriov: 1,234 IOMMU faults: no_write_permission\n"));
  CHECK_THAT(text, ContainsSubstring("\nsriov: the first one recorded: reason 0x5, source 01:10.0, address 0x40000000, write\n"));
  CHECK(text.find("0x6") == std::string::npos);
}

TEST_CASE("the counters' report has a line for each, with value, description and unit") {
  RunResult run;
  run.statistics = {{"iommu.walks", "walks begun", "walks", 42}, {"nic0.a_longer_name", "frames", "frames", 7}};
  CHECK(statistics_report(run) ==
        "Counters of the models, set-up included\n"
        "iommu.walks                   42  walks begun (walks)\n"
        "nic0.a_longer_name             7  frames (frames)\n");
}

TEST_CASE("what never happened is left out, and errors are told") {
  RunResult run;
  run.errors.push_back("a model gave up");
  const std::string text = report({run});
  CHECK_THAT(text, ContainsSubstring("native: ERROR: a model gave up\n"));
  CHECK(text.find("Where a") == std::string::npos);
  CHECK(text.find("VM exits per packet") == std::string::npos);
  CHECK(report({}).empty());
}
