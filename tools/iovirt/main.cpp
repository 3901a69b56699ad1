// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include <cstdio>
#include <iostream>

#include <unistd.h>

#include "tools/iovirt/cli.h"

// SystemC's library refers to it; nobody calls it, since main is ours.
extern "C" int sc_main(int, char*[]) { return 1; }

int main(int argc, char* argv[]) {
  return iovirt::cli::run(argc, argv, {std::cout, std::cerr, ::isatty(STDERR_FILENO) != 0}, iovirt::platform::run_mode);
}
