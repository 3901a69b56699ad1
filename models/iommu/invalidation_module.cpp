// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The invalidation queue and the invalidation registers, in time: one at a time, in order.

#include <algorithm>
#include <cstring>

#include "models/iommu/iommu_module.h"

namespace iovirt::iommu {

void Iommu::kick() {
  if (work_ != Work::none) return;
  command_ = unit_.next_command();
  if (command_ != RemappingUnit::Command::none) {
    work_ = Work::command;
    if (command_ == RemappingUnit::Command::enable) return begin_drain(kDrainAll);
    return queue_.post(queue_.now() + invalidation_, *this, execute);
  }
  if (!unit_.queue_waiting()) {
    line_bytes_ = 0;
    return;
  }
  work_ = Work::descriptor;
  const unsigned waiting = unit_.queue_waiting_bytes();
  const std::uint64_t address = unit_.begin_descriptor();
  unsigned bytes = unit_.descriptor_bytes();
  if (address >= line_address_ && address + bytes <= line_address_ + line_bytes_) {
    descriptor::Words words{};
    std::memcpy(words.data(), line_.data() + (address - line_address_), bytes);
    return descriptor_fetched(true, words);
  }
  // What is left of the cache line, as far as software has handed it over.
  if (unit_.config().queue_pipelined) bytes = std::min(waiting, static_cast<unsigned>(line_.size() - address % line_.size()));
  Flight& own = start(Flight::Kind::descriptor_read, tlm::TLM_READ_COMMAND, address, bytes);
  mem_channel_.send(*own.payload);
}

void Iommu::descriptor_answered(Flight& own) {
  descriptor::Words words{};
  std::memcpy(words.data(), own.payload->get_data_ptr(), std::min(own.payload->get_data_length(), unit_.descriptor_bytes()));
  const bool ok = own.payload->is_response_ok();
  if (ok && unit_.config().queue_pipelined) {
    line_address_ = own.payload->get_address();
    line_bytes_ = own.payload->get_data_length();
    std::memcpy(line_.data(), own.payload->get_data_ptr(), line_bytes_);
  }
  own.payload->release();
  flights_.release(own);
  descriptor_fetched(ok, words);
}

void Iommu::descriptor_fetched(bool ok, const descriptor::Words& words) {
  descriptor_ = unit_.descriptor_read(ok, words);
  if (std::holds_alternative<QueueError>(descriptor_)) {
    work_ = Work::none;
    flush_events();
    return kick();  // a register command may be waiting
  }
  const auto* wait = std::get_if<InvalidationWait>(&descriptor_);
  if (!wait) return queue_.post(queue_.now() + invalidation_, *this, execute);
  ++unit_.statistics().waits;
  start_wait(*wait);
}

// -- waits: what the IOMMU itself does is done when their turn comes; devices may take longer -----------------------

void Iommu::start_wait(const InvalidationWait& wait) {
  const DeviceTlbs::TagSet tags = unit_.device_tlbs().outstanding();
  const bool pages = wait.drain_page_requests && page_requests_in_flight_ != 0;
  if (tags == 0 && !pages) return finish_wait(wait, true);
  pending_waits_.push_back({wait, tags, !wait.fence});
  if (wait.fence) return;  // nothing behind it is fetched
  unit_.end_descriptor();
  work_ = Work::none;
  kick();
}

void Iommu::settle_waits() {
  std::size_t kept = 0;
  std::vector<PendingWait>& all = pending_waits_;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const PendingWait pending = all[i];
    if (pending.tags != 0 || (pending.wait.drain_page_requests && page_requests_in_flight_ != 0))
      all[kept++] = pending;
    else
      finish_wait(pending.wait, !pending.fetched_only);
  }
  all.resize(kept);
}

void Iommu::finish_wait(const InvalidationWait& wait, bool ends_descriptor) {
  if (!wait.status_write) return wait_done(ends_descriptor, wait.interrupt);
  Flight& status = start(Flight::Kind::status_write, tlm::TLM_WRITE_COMMAND, wait.status_address, 4);
  const bool goes_on = ends_descriptor && unit_.config().queue_pipelined;  // writes commit in order
  status.ends_descriptor = ends_descriptor && !goes_on;
  status.completes = wait.interrupt;
  std::memcpy(status.payload->get_data_ptr(), &wait.status_data, 4);
  mem_channel_.send(*status.payload);
  if (goes_on) wait_done(true, false);
}

void Iommu::wait_done(bool ends_descriptor, bool completes) {
  if (ends_descriptor) {
    unit_.end_descriptor();
    work_ = Work::none;
  }
  if (completes) unit_.raise_completion();
  flush_events();
  kick();
}

void Iommu::execute_invalidation() {
  if (work_ == Work::command) {
    return begin_drain(unit_.carry_out(command_));
  }
  if (const auto* context = std::get_if<ContextInvalidation>(&descriptor_)) {
    unit_.invalidate(*context);
    return end_invalidation();
  }
  if (const auto* iotlb = std::get_if<IotlbInvalidation>(&descriptor_)) {
    unit_.invalidate(*iotlb);
    return begin_drain(iotlb->drain(unit_.translator().mode() != TableMode::legacy && config().nested_translation));
  }
  if (const auto* entries = std::get_if<InterruptInvalidation>(&descriptor_)) {
    unit_.invalidate(*entries);
    return begin_drain(kDrainInterrupts);
  }
  if (const auto* device = std::get_if<DeviceTlbInvalidation>(&descriptor_)) {
    stalled_ = !send_invalidation(*device);
    if (stalled_) return;
  }
  if (const auto* response = std::get_if<PageGroupResponse>(&descriptor_)) respond_to_pages(*response);
  if (const auto* table = std::get_if<PasidCacheInvalidation>(&descriptor_)) unit_.invalidate(*table);
  if (const auto* pages = std::get_if<PasidIotlbInvalidation>(&descriptor_)) {
    unit_.invalidate(*pages);
    return begin_drain(pages->drain());
  }
  end_invalidation();
}

/// Whatever of it is in flight may have used the old entries, or have walked for them; what a translation request learns may
/// be of a page larger than what it asks for.
void Iommu::begin_drain(const Drain& drain) {
  if (drain.reads || drain.writes || drain.interrupts) {
    flights_.each([&](Flight& flight) {
      switch (flight.kind) {
        case Flight::Kind::read: flight.drained = drain.reads; break;
        case Flight::Kind::write: flight.drained = drain.writes; break;
        case Flight::Kind::interrupt: flight.drained = drain.interrupts; break;
        default: return;
      }
      const bool one_page = flight.kind != Flight::Kind::interrupt && flight.request.address_type != 1;
      if (one_page && !drain.touches(flight.upstream_address, flight.payload->get_data_length())) flight.drained = false;
      draining_ += flight.drained;
    });
  }
  if (draining_ == 0) end_invalidation();
}

void Iommu::end_invalidation() {
  if (work_ == Work::command)
    unit_.complete(command_);
  else
    unit_.end_descriptor();
  work_ = Work::none;
  flush_events();
  kick();
}

}  // namespace iovirt::iommu
