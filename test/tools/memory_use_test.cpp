// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// What the command needs of the host's memory: the most that a process of its own ever held.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "test/support/capture_file.h"
#include "test/support/catch.h"

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;  // which keeps what was freed, and a shadow of everything
#else
constexpr bool kSanitized = false;
#endif

/// Bytes. A child's count begins with what its parent had in memory, so this is never less than our own.
double peak_of(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), IOVIRT_COMMAND);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    if (nowhere >= 0) dup2(nowhere, STDOUT_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  rusage used{};
  REQUIRE(wait4(child, &status, 0, &used) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  return static_cast<double>(used.ru_maxrss) * 1024;
}

}  // namespace

TEST_CASE("seven VMs in every mode need less than 200 MB, and a packet more a hundred bytes") {
  if (kSanitized) return;
  const iovirt::test::TemporaryFolder folder;
  const auto compare = [&](unsigned packets) {
    return peak_of({"compare", "--out", folder.path(), "--set", "vms=7", "--set", "traffic.source=udp_stream", "--set",
                    "traffic.direction=both", "--set", "traffic.rate_pps=400000", "--set", "traffic.packets=" + std::to_string(packets)});
  };
  const double small = compare(10'000), large = compare(70'000);
  CHECK(large < 200e6);
  // The frame, and six modes' results to sort: times, no bytes, no events.
  CHECK((large - small) / 60'000 < 128);
}

TEST_CASE("a tenant of translate that made one request and then none takes less than a kilobyte, its results included") {
  if (kSanitized) return;
  const iovirt::test::TemporaryFolder folder;
  const auto translate = [&](unsigned idle) {
    const std::string trace = folder / "idle.bin";
    peak_of({"tenants", trace, "--set", "tenants=1", "--set", "requests=100", "--set", "interval_ns=10000", "--set", "idle_tenants=" + std::to_string(idle)});
    return peak_of({"translate", trace, "--out", folder / "out"});
  };
  const double few = translate(20'000), many = translate(60'000);
  CHECK((many - few) / 40'000 < 1024);
}
