// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/strand.h"

#include <utility>

#include <sysc/kernel/sc_cor.h>

namespace iovirt::sim {
namespace {

sc_core::sc_cor_pkg& package() { return *sc_core::sc_get_curr_simcontext()->cor_pkg(); }

}  // namespace

Strand::Strand(EventQueue& queue, std::size_t stack_bytes, std::function<void()> body)
    : queue_(queue), stack_bytes_(stack_bytes), body_(std::move(body)) {
  queue_.make_ready(*this);
}

Strand::~Strand() {
  if (stack_) stack_->stack_protect(false);
}

void Strand::entry(void* self) { static_cast<Strand*>(self)->run(); }

void Strand::run() {
  try {
    if (!ending_) body_();
  } catch (const Ended&) {
  } catch (...) {
    queue_.failure_ = std::current_exception();
  }
  finished_ = true;
  queue_.current_ = nullptr;
  for (;;) leave();
}

void Strand::enter() {
  if (!stack_) begin();
  package_->yield(stack_.get());
}

void Strand::begin() {
  package_ = &package();
  stack_.reset(package_->create(stack_bytes_, &Strand::entry, this));
  stack_->stack_protect(true);
}

void Strand::leave() { package().yield(package().get_main()); }

void Strand::end() {
  if (!stack_ || finished_) return;
  ending_ = true;
  enter();
}

}  // namespace iovirt::sim
