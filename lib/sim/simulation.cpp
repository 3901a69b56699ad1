// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/simulation.h"

#include <cassert>

#include <sysc/kernel/sc_cor.h>

#ifdef __SANITIZE_ADDRESS__
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace sc_core {
extern sc_simcontext* sc_curr_simcontext;
extern sc_simcontext* sc_default_global_context;
}  // namespace sc_core

namespace iovirt::sim {

namespace {

// A private member of sc_simcontext, reached the way the language allows: an explicit instantiation may name it.
template <auto Member>
struct Reach {
  friend auto coroutine_package() { return Member; }
};
auto coroutine_package();
template struct Reach<&sc_core::sc_simcontext::m_cor_pkg>;

/// AddressSanitizer only: it believes to be on the last thread's stack that SystemC switched to.
void back_on_main_stack() {
#ifdef __SANITIZE_ADDRESS__
  pthread_attr_t attributes;
  void* bottom = nullptr;
  std::size_t bytes = 0;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  pthread_attr_getstack(&attributes, &bottom, &bytes);
  pthread_attr_destroy(&attributes);
  __sanitizer_start_switch_fiber(nullptr, bottom, bytes);
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

}  // namespace

Simulation::Simulation() {
  sc_core::sc_default_global_context = sc_core::sc_curr_simcontext = new sc_core::sc_simcontext;
  // A run that ends is no news.
  sc_core::sc_report_handler::set_actions(sc_core::SC_ID_SIMULATION_STOP_CALLED_TWICE_, sc_core::SC_DO_NOTHING);
  sc_core::sc_report_handler::set_actions("/OSCI/SystemC", sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
}

Simulation::~Simulation() {
  // SystemC 3.0.1 frees the package of its coroutines before the threads whose destructors ask it: let it live longer.
  sc_core::sc_simcontext* context = sc_core::sc_curr_simcontext;
  sc_core::sc_cor_pkg* package = context->cor_pkg();
  context->*coroutine_package() = nullptr;
  delete context;
  delete package;
  sc_core::sc_default_global_context = sc_core::sc_curr_simcontext = nullptr;
  back_on_main_stack();
}

}  // namespace iovirt::sim
