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

TEST_CASE("what never happened is left out, and errors are told") {
  RunResult run;
  run.errors.push_back("a model gave up");
  const std::string text = report({run});
  CHECK_THAT(text, ContainsSubstring("native: ERROR: a model gave up\n"));
  CHECK(text.find("Where a") == std::string::npos);
  CHECK(text.find("VM exits per packet") == std::string::npos);
  CHECK(report({}).empty());
}
