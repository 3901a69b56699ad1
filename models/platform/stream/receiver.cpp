// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/stream/receiver.h"

#include <array>
#include <cstring>

namespace iovirt::platform::stream {

Receivers::Receivers(software::HostKernel& kernel, const Config& config) : kernel_(kernel), config_(config) {
  const unsigned cores = kernel_.scheduler().cores();
  for (std::uint32_t i = 0; i < config_.flows; ++i) {
    Flow& flow = flows_.emplace_back();
    flow.number = i;
    flow.thread = &kernel_.scheduler().spawn("reader/" + std::to_string(i), i % cores, Activity::host_user, [this, &flow] { run(flow); });
  }
  kernel_.set_rx_handler(*this);
}

void Receivers::start(Driver& driver) {
  driver_ = &driver;
  for (Flow& flow : flows_) {
    flow.user = kernel_.allocate(std::size_t{config_.read_packets} * 4096, 4096);
    kernel_.scheduler().wake(*flow.thread);
  }
}

// Linux __tcp_ack_snd_check: more than one full segment since the last acknowledgement is acknowledged at once.
void Receivers::receive(std::uint32_t number, std::span<const std::uint64_t> pages) {
  Flow& flow = flows_[number];
  flow.pages.insert(flow.pages.end(), pages.begin(), pages.end());
  flow.received += pages.size();
  if (flow.received - flow.acknowledged >= 2) acknowledge(flow);
  kernel_.scheduler().wake(*flow.thread);
}

void Receivers::acknowledge(Flow& flow) {
  const std::uint64_t buffer = kernel_.allocate_buffer();
  const std::uint64_t edge = flow.read + config_.window();
  std::array<std::uint8_t, spec::kAckBytes> raw{};
  std::memcpy(raw.data(), &flow.number, 4);
  std::memcpy(raw.data() + 8, &flow.received, 8);
  std::memcpy(raw.data() + 16, &edge, 8);
  kernel_.cpu().write(buffer, raw);
  kernel_.cpu().compute(kernel_.costs().stack_tx_cycles);
  if (!driver_->transmit(flow.thread->core(), buffer, buffer, spec::kAckBytes, false)) {
    kernel_.free_buffer(buffer);  // the next one says the same
    return;
  }
  ++acks_;
  flow.acknowledged = flow.received;
  flow.edge = edge;
}

void Receivers::run(Flow& flow) {
  auto& kernel = kernel_;
  const auto& costs = kernel.costs();
  while (!driver_) kernel.scheduler().block();
  kernel.bh_disable();
  acknowledge(flow);
  kernel.bh_enable();
  for (;;) {
    while (flow.pages.empty()) kernel.scheduler().block();
    kernel.cpu().compute(costs.syscall_cycles);
    std::uint64_t taken = 0;
    for (; taken < config_.read_packets; ++taken) {
      kernel.bh_disable();
      if (flow.pages.empty()) {
        kernel.bh_enable();
        break;
      }
      const std::uint64_t page = flow.pages.front();
      flow.pages.pop_front();
      kernel.bh_enable();
      auto& cpu = kernel.cpu();
      std::array<std::uint8_t, 16> head;
      cpu.read(page, head);
      std::uint64_t number = 0;
      std::memcpy(&number, head.data() + 8, 8);
      misplaced_ += number != flow.read || head[0] != static_cast<std::uint8_t>(flow.number);
      cpu.copy(flow.user + taken * 4096, page + (config_.frame_bytes - config_.payload_bytes), config_.payload_bytes);
      driver_->release(page);
      ++flow.read;
      ++read_;
    }
    // tcp_cleanup_rbuf: a window that has opened by half is worth an acknowledgement of its own.
    if (flow.read + config_.window() - flow.edge >= config_.window() / 2) {
      kernel.bh_disable();
      acknowledge(flow);
      kernel.bh_enable();
    }
    kernel.cpu().compute(costs.app_cycles);
    while (!actions_.empty() && read_ >= actions_.front().packets) {
      const auto action = std::move(actions_.front().run);
      actions_.pop_front();
      action();
    }
    kernel.cond_resched();
  }
}

}  // namespace iovirt::platform::stream
