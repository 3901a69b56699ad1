// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/transaction.h"

#include <cassert>

namespace iovirt::sim {

tlm::tlm_generic_payload& TransactionPool::acquire(tlm::tlm_command command, std::uint64_t address, std::size_t bytes) {
  assert(bytes <= kMaxPayloadBytes);
  if (idle_.empty()) {
    all_.push_back(std::make_unique<Transaction>(this));
    idle_.push_back(all_.back().get());
  }
  Transaction& payload = *idle_.back();
  idle_.pop_back();
  payload.extension.reset();
  payload.set_command(command);
  payload.set_address(address);
  payload.set_data_length(static_cast<unsigned>(bytes));
  payload.set_streaming_width(static_cast<unsigned>(bytes));
  payload.set_byte_enable_ptr(nullptr);
  payload.set_dmi_allowed(false);
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  payload.acquire();
  return payload;
}

void TransactionPool::free(tlm::tlm_generic_payload* payload) { idle_.push_back(static_cast<Transaction*>(payload)); }

}  // namespace iovirt::sim
