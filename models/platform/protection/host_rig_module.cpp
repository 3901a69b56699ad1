// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/protection/host_rig_module.h"

#include <stdexcept>

namespace iovirt::platform {

void HostRig::plug(pcie::Endpoint& device) {
  device.tlp_out.bind(machine.root_complex.up[0]);
  machine.root_complex.down[0].bind(device.tlp_in);
}

void HostRig::run(std::function<void()> body, Ps limit) {
  set_bring_up(std::move(body));
  sc_core::sc_spawn_options method;
  method.spawn_method();
  method.set_sensitivity(&stopping_);
  method.dont_initialize();
  sc_core::sc_spawn(
      [this] {
        scheduler.end();
        sc_core::sc_stop();
      },
      sc_core::sc_gen_unique_name("end"), &method);
  sc_core::sc_start(sc_core::sc_time::from_value(limit));
  if (!stopped_) throw std::runtime_error("the simulated host did not finish: time ran out");
}

void HostRig::stop() {
  stopped_ = true;
  machine.queue.notify(stopping_);
}

}  // namespace iovirt::platform
