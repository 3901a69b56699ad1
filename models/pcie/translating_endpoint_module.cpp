// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/pcie/translating_endpoint_module.h"

namespace iovirt::pcie {

void TranslatingEndpoint::end_of_elaboration() {
  Endpoint::end_of_elaboration();
  was_enabled_.assign(functions(), 0);
  for (unsigned i = 0; i < functions(); ++i)
    if (Ats* ats = function(i).ats()) ats->on_control([this, i] { control_written(i); });
}

void TranslatingEndpoint::control_written(unsigned index) {
  const bool enabled = function(index).ats()->enabled();
  const bool anew = enabled && !was_enabled_[index];
  was_enabled_[index] = enabled;
  if (anew) cache_lost(index);
}

void TranslatingEndpoint::function_reset(unsigned index) {
  was_enabled_[index] = false;
  cache_lost(index);
}

void TranslatingEndpoint::vfs_changed(unsigned) {
  for (unsigned i = 1; i < functions(); ++i) {
    const Ats* ats = function(i).ats();
    was_enabled_[i] = ats && ats->enabled();
    if (ats && !ats->enabled()) cache_lost(i);
  }
}

void TranslatingEndpoint::translate(unsigned index, std::uint64_t address, std::uint64_t tag, const Addressing& addressing) {
  Addressing request = addressing;
  request.type = sim::AddressType::translation_request;
  dma_read(index, address & ~0xfffull, translation_completion::kBytes, tag, {}, request);
}

void TranslatingEndpoint::complete_invalidation(unsigned index, std::uint8_t itag, unsigned count) {
  namespace message = invalidate_completion;
  send_message(index, sim::TlpKind::invalidate_completion, message::Tags::of(1ull << itag) | message::Count::of(count & 7));
}

bool TranslatingEndpoint::ask_for_page(unsigned index, const PageRequest& request, const Addressing& addressing) {
  namespace message = page_request_message;
  Pri* pri = function(0).page_requests();
  const bool stop_marker = request.last && !request.read && !request.write;
  if (!pri || !(stop_marker ? pri->enabled() : pri->may_ask()) || !may_address(index, addressing)) return false;
  if (!stop_marker) pri->asked(request.group);
  send_message(index, sim::TlpKind::page_request,
               message::Address::in_place(request.address) | message::R::of(request.read) | message::W::of(request.write) |
                   message::L::of(request.last) | message::PRGI::of(request.group),
               addressing);
  return true;
}

bool TranslatingEndpoint::message_received(unsigned index, sim::TlpKind kind, std::uint8_t tag, std::uint32_t pasid, std::uint64_t body) {
  if (kind == sim::TlpKind::invalidate_request) {
    const Ats* ats = function(index).ats();
    if (!ats || !ats->enabled()) return false;
    namespace message = invalidate_request;
    Invalidation invalidation{.itag = tag, .pasid = pasid, .global = message::Global::get(body) != 0};
    invalidation.bytes = ats_range_bytes(body, message::S::get(body) != 0);
    if (invalidation.bytes != 0) invalidation.first = message::Address::in_place(body) & ~(invalidation.bytes - 1);
    invalidate_requested(index, invalidation);
    return true;
  }
  Pri* pri = function(0).page_requests();
  if (kind != sim::TlpKind::page_response || !pri) return false;
  const auto group = static_cast<std::uint16_t>(page_response_message::PRGI::get(body));
  const auto code = static_cast<PageResponseCode>(page_response_message::Code::get(body));
  if (pri->responded(group, code)) pages_answered(index, group, code);
  return true;
}

}  // namespace iovirt::pcie
