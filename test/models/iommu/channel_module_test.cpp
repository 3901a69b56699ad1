// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/channel_module.h"

#include <vector>

#include "lib/sim/simulation.h"
#include "test/support/catch.h"

using namespace iovirt;

namespace {

/// Ends the requests it is told to leave open later, all others at once.
struct Target : sc_core::sc_module {
  tlm_utils::simple_target_socket<Target> in{"in"};
  std::vector<tlm::tlm_generic_payload*> begun;
  tlm::tlm_generic_payload* leaves_open = nullptr;

  explicit Target(sc_core::sc_module_name name) : sc_module(name) { in.register_nb_transport_fw(this, &Target::request); }
  tlm::tlm_sync_enum request(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
    begun.push_back(&payload);
    if (&payload == leaves_open) return tlm::TLM_ACCEPTED;
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }
};

struct Initiator : sc_core::sc_module, sim::Actor {
  tlm_utils::simple_initiator_socket<Initiator> out{"out"};
  iommu::RequestChannel<tlm_utils::simple_initiator_socket<Initiator>> channel;

  Initiator(sc_core::sc_module_name name, sim::EventQueue& queue) : sc_module(name), channel(out, queue, *this, 0) {}
  void fire(std::uint32_t, std::uint64_t) override {}
};

}  // namespace

TEST_CASE("a request that ends at once does not leave those behind it waiting") {
  sim::Simulation simulation;
  sim::EventQueue queue("queue");
  Initiator initiator("initiator", queue);
  Target target("target");
  initiator.out.bind(target.in);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  tlm::tlm_generic_payload first, second, third;
  target.leaves_open = &first;
  for (auto* payload : {&first, &second, &third}) initiator.channel.send(*payload);
  REQUIRE(target.begun.size() == 1);  // one at a time
  initiator.channel.ended(first);
  REQUIRE(target.begun == std::vector{&first, &second, &third});
}
