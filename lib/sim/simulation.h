// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Several SystemC simulations one after the other in one process.
//
// SystemC 2.3 and 3.0 keep one simulation context in two globals, which the standard does not name; replacing the
// context is what makes a second elaboration possible. Nobody else touches them.
#pragma once

#include <systemc>

namespace iovirt::sim {

/// A fresh simulation context for the life of this object. Everything elaborated meanwhile must be destroyed before it.
class Simulation {
 public:
  Simulation();
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;
};

}  // namespace iovirt::sim
