// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Interrupt requests, and the IOMMU's own messages.

#include <cstring>

#include "models/iommu/iommu_module.h"

namespace iovirt::iommu {

void Iommu::accept_interrupt(Flight& flight) {
  Payload& payload = *flight.payload;
  const std::uint64_t address = payload.get_address();
  if (flight.request.zero_length) {  // asks for nothing, goes nowhere, and succeeds (3.15)
    flight.kind = Flight::Kind::read;
    flight.blocked = true;
    flight.refusal = tlm::TLM_OK_RESPONSE;
    return settled(flight);
  }
  if (!payload.is_write() || payload.get_data_length() != 4 || address % 4 != 0) {
    if (!payload.is_write()) flight.kind = Flight::Kind::read;
    flight.blocked = true;  // only writes of one DWORD are interrupt requests
    if (unit_.translating() || unit_.remapper().enabled()) block(flight, unit_.remapper().malformed(flight.request.source));
    return settled(flight);
  }
  InterruptRequest request;
  request.source = flight.request.source;
  request.address = static_cast<std::uint32_t>(address);
  std::memcpy(&request.data, payload.get_data_ptr(), 4);
  if (timed_caches_) begin_lookups();
  const auto action = unit_.remapper().begin(flight.remapping, request);
  const Ps latency = (unit_.remapper().enabled() ? remap_ : 0) + (timed_caches_ ? looked_up_for() : 0);
  const auto argument = reinterpret_cast<std::uintptr_t>(&flight);
  if (action == InterruptRemapper::Action::read_entry)
    return queue_.post(queue_.now() + latency, *this, What::entry_read, argument);
  flight.action = action;
  if (action == InterruptRemapper::Action::block) block(flight, flight.remapping.fault);
  if (latency != 0) return queue_.post(queue_.now() + latency, *this, remapped_at_once, argument);
  settled(flight);
}

void Iommu::remapped(Flight& flight, InterruptRemapper::Action action) {
  flight.action = action;
  if (action == InterruptRemapper::Action::block) block(flight, flight.remapping.fault);
  settled(flight);
}

/// Its turn has come: everything its requester wrote before has landed.
void Iommu::dispatch_interrupt(Flight& flight) {
  ++flight.requester->writes_completed;
  if (flight.action == InterruptRemapper::Action::deliver) return deliver(flight);
  Flight& own = start(Flight::Kind::posted_read, tlm::TLM_READ_COMMAND, flight.remapping.descriptor, posted_descriptor::kBytes);
  own.owner = &flight;
  sim::TransactionPool::extension_of_ours(*own.payload).exclusive = true;
  mem_channel_.send(*own.payload);
}

/// The descriptor's line is here: update it at this instant, so that no processor's own atomic access can come
/// between reading and writing. Memory that offers no transport_dbg gets a write after the read instead.
void Iommu::posted_read(Flight& own) {
  Flight& flight = *own.owner;
  Payload& payload = *own.payload;
  const auto status = payload.get_response_status();
  posted_descriptor::Words words, before;
  std::memcpy(words.data(), payload.get_data_ptr(), sizeof words);
  const auto fail = [&] {
    unit_.remapper().post_failed(flight.remapping);
    flight.remapping.fault.read = false;
    block(flight, flight.remapping.fault);
    // It counted as complete when it was dispatched.
    flight.blocked = false;
    respond(flight, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  };
  if (status != tlm::TLM_OK_RESPONSE) {
    payload.release();
    flights_.release(own);
    return fail();
  }
  payload.set_address(flight.remapping.descriptor);
  const bool direct = mem_out->transport_dbg(payload) == posted_descriptor::kBytes;
  if (direct) std::memcpy(words.data(), payload.get_data_ptr(), sizeof words);
  before = words;
  const auto posted = unit_.remapper().post(flight.remapping, words);
  if (posted == InterruptRemapper::Posted::block) {
    payload.release();
    flights_.release(own);
    block(flight, flight.remapping.fault);
    flight.blocked = false;
    return respond(flight, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }
  payload.set_command(tlm::TLM_WRITE_COMMAND);
  if (direct) {
    for (unsigned i = 0; i < words.size(); ++i) {
      if (words[i] == before[i]) continue;
      payload.set_address(flight.remapping.descriptor + 8 * i);
      payload.set_data_length(8);
      std::memcpy(payload.get_data_ptr(), &words[i], 8);
      mem_out->transport_dbg(payload);
    }
    payload.release();
    flights_.release(own);
  } else {
    std::memcpy(payload.get_data_ptr(), words.data(), sizeof words);
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    own.kind = Flight::Kind::posted_write;
    own.owner = nullptr;
    own.attach();
    mem_channel_.send(payload);
  }
  if (posted == InterruptRemapper::Posted::notify) return deliver(flight);
  if (auto* extension = flight.payload->get_extension<sim::RequesterExtension>()) extension->mark(Stage::iommu, queue_.now());
  respond(flight, tlm::TLM_OK_RESPONSE);
}

void Iommu::deliver(Flight& flight) {
  const InterruptMessage& message = flight.remapping.message;
  Flight& own = start(Flight::Kind::message, tlm::TLM_WRITE_COMMAND, message.address, 4);
  own.owner = &flight;
  std::memcpy(own.payload->get_data_ptr(), &message.data, 4);
  auto& extension = sim::TransactionPool::extension_of_ours(*own.payload);
  extension.kind = sim::TlpKind::interrupt;
  if (auto* upstream = flight.payload->get_extension<sim::RequesterExtension>()) {
    upstream->mark(Stage::iommu, queue_.now());
    extension.requester = upstream->requester;
    extension.ledger = upstream->ledger;
    extension.notice = upstream->notice;
  }
  interrupt_channel_.send(*own.payload);
}

void Iommu::flush_events() {
  while (const auto message = unit_.take_event()) {
    Flight& own = start(Flight::Kind::event, tlm::TLM_WRITE_COMMAND, message->address, 4);
    std::memcpy(own.payload->get_data_ptr(), &message->data, 4);
    sim::TransactionPool::extension_of_ours(*own.payload).kind = sim::TlpKind::interrupt;
    interrupt_channel_.send(*own.payload);
  }
}

}  // namespace iovirt::iommu
