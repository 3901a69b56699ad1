// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The main of every test executable. Catch2's own is not used: SystemC's library has a main
// too, and when the linker takes that one, no test runs and the result is a pass. For the same
// reason a run in which no test case ran is a failure here.
// Compiled a second time, with IOVIRT_TEST_SYSTEMC, for the executables that link SystemC:
// there a SystemC warning fails the test.

#define CATCH_CONFIG_RUNNER
#include "test/support/catch.h"

#if IOVIRT_CATCH_MAJOR == 3
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_case_info.hpp>
#include <catch2/reporters/catch_reporter_event_listener.hpp>
#include <catch2/reporters/catch_reporter_registrars.hpp>
#endif

#include <cstdio>

#ifdef IOVIRT_TEST_SYSTEMC
#include <systemc>

extern "C" int sc_main(int, char*[]) {
    return 1;  // never called: SystemC's library refers to it
}
#endif

namespace {

#if IOVIRT_CATCH_MAJOR == 3
using ListenerBase = Catch::EventListenerBase;
#else
using ListenerBase = Catch::TestEventListenerBase;
#endif

int test_cases_run = 0;

struct Count : ListenerBase {
    using ListenerBase::ListenerBase;
    void testCaseStarting(const Catch::TestCaseInfo&) override { ++test_cases_run; }
};
CATCH_REGISTER_LISTENER(Count)

bool only_lists(const Catch::ConfigData& config) {
#if IOVIRT_CATCH_MAJOR == 3
    return config.showHelp || config.listTests || config.listTags || config.listReporters ||
           config.listListeners;
#else
    return config.showHelp || config.listTests || config.listTags || config.listReporters ||
           config.listTestNamesOnly;
#endif
}

}  // namespace

int main(int argc, char* argv[]) {
    Catch::Session session;
    Catch::ConfigData defaults;
    defaults.rngSeed = 1;  // version 3 would draw another one for every run
    session.useConfigData(defaults);
    if (const int error = session.applyCommandLine(argc, argv); error != 0) return error;
    const int result = session.run();
    if (result != 0 || only_lists(session.configData())) return result;
    if (test_cases_run == 0) {
        std::fprintf(stderr, "no test case ran\n");
        return 2;
    }
#ifdef IOVIRT_TEST_SYSTEMC
    if (const int n = sc_core::sc_report_handler::get_count(sc_core::SC_WARNING); n > 0) {
        std::fprintf(stderr, "%d SystemC warning(s)\n", n);
        return 3;
    }
#endif
    return 0;
}
