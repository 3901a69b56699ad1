// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/iommu/untimed.h"

#include <cstring>
#include <span>

#include "models/iommu/ats.h"

namespace iovirt::iommu {

bool UntimedIommu::load(std::uint64_t address, unsigned bytes, std::uint64_t& low, std::uint64_t& high) {
  std::uint8_t raw[16] = {};
  const bool ok = memory_.read(address, std::span(raw, bytes));
  std::memcpy(&low, raw, 8);
  std::memcpy(&high, raw + 8, 8);
  return ok;
}

Updated UntimedIommu::update(const Walk& walk) {
  const auto before = memory_.load<std::uint64_t>(walk.update_address);
  if (!before) return Updated::failed;
  if (*before != walk.update_expected) return Updated::changed;
  return memory_.store(walk.update_address, walk.update_value) ? Updated::done : Updated::failed;
}

template <class Answer>
Answer UntimedIommu::blocked(const Fault& fault) {
  unit_.report(fault);
  settle();
  return fault;
}

std::variant<Translation, Fault> UntimedIommu::translate(const Request& request) {
  using Answer = std::variant<Translation, Fault>;
  ++unit_.statistics().requests;
  Translation translation;
  Fault fault;
  // What no table has led there may not reach protected memory (11.4.8.1).
  const auto passed = [&](const Translation& as) -> Answer {
    const bool reaches = as.page_bytes == 0 && request.address_type != 1 && !request.page_request;
    if (reaches && unit_.protected_ranges().blocks(as.address, as.address)) return Fault{};
    return as;
  };
  if (!unit_.translating()) {
    if (request.address_type != 0) return Fault{};
    ++unit_.statistics().untranslated;
    return passed({request.address, 0});
  }
  const auto refused = [&](const Fault& why) -> Answer {
    if (request.address_type != 1 || ats_answer(why.reason) != AtsAnswer::no_rights) return blocked<Answer>(why);
    if (ats_records(why.reason)) static_cast<void>(blocked<Answer>(why));
    return no_rights(request);
  };
  switch (unit_.translator().lookup(request, translation, fault)) {
    case Translator::Answer::translated: return passed(translation);
    case Translator::Answer::faulted: return refused(fault);
    case Translator::Answer::miss: break;
  }
  Walk walk;
  Step step = unit_.translator().begin(walk, request);
  while (step == Step::read || step == Step::update) {
    if (step == Step::update) {
      step = unit_.translator().updated(walk, update(walk));
      continue;
    }
    std::uint8_t raw[kMaxReadBytes] = {};
    std::uint64_t words[kMaxReadBytes / 8];
    const bool ok = memory_.read(walk.read_address, std::span(raw, walk.read_bytes));
    std::memcpy(words, raw, sizeof words);
    step = unit_.translator().resume(walk, ok, words);
  }
  if (step == Step::translated) return passed(walk.translation);
  return refused(walk.fault);
}

std::variant<std::optional<InterruptMessage>, Fault> UntimedIommu::interrupt(const InterruptRequest& request) {
  using Answer = std::variant<std::optional<InterruptMessage>, Fault>;
  using Action = InterruptRemapper::Action;
  ++unit_.statistics().requests;
  Remapping remapping;
  Action action = unit_.remapper().begin(remapping, request);
  if (action == Action::read_entry) {
    std::uint64_t low = 0, high = 0;
    const bool ok = load(remapping.entry_address, 16, low, high);
    action = unit_.remapper().resume(remapping, ok, low, high);
  }
  if (action == Action::deliver) return std::optional(remapping.message);
  if (action == Action::block) return blocked<Answer>(remapping.fault);

  posted_descriptor::Words words;
  std::uint8_t raw[posted_descriptor::kBytes];
  if (!memory_.read(remapping.descriptor, raw)) {
    unit_.remapper().post_failed(remapping);
    return blocked<Answer>(remapping.fault);
  }
  std::memcpy(words.data(), raw, sizeof raw);
  const auto posted = unit_.remapper().post(remapping, words);
  if (posted == InterruptRemapper::Posted::block) return blocked<Answer>(remapping.fault);
  std::memcpy(raw, words.data(), sizeof raw);
  if (!memory_.write(remapping.descriptor, raw)) {
    unit_.remapper().post_failed(remapping);
    return blocked<Answer>(remapping.fault);
  }
  if (posted == InterruptRemapper::Posted::notify) return std::optional(remapping.message);
  return std::optional<InterruptMessage>();
}

void UntimedIommu::write_register(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  unit_.write(offset, bytes, value);
  settle();
}

void UntimedIommu::settle() {
  for (;;) {
    if (const auto command = unit_.next_command(); command != RemappingUnit::Command::none) {
      unit_.carry_out(command);
      unit_.complete(command);
    } else if (unit_.queue_waiting()) {
      descriptor::Words words{};
      std::uint8_t raw[descriptor::kWideBytes] = {};
      const bool ok = memory_.read(unit_.begin_descriptor(), std::span(raw, unit_.descriptor_bytes()));
      std::memcpy(words.data(), raw, sizeof raw);
      const Descriptor descriptor = unit_.descriptor_read(ok, words);
      if (std::holds_alternative<QueueError>(descriptor)) continue;
      bool event = false;
      if (const auto* wait = std::get_if<InvalidationWait>(&descriptor)) {
        ++unit_.statistics().waits;
        event = wait->interrupt;
        // A status write that no memory takes is lost.
        if (wait->status_write) static_cast<void>(memory_.store(wait->status_address, wait->status_data));
      } else if (const auto* context = std::get_if<ContextInvalidation>(&descriptor)) {
        unit_.invalidate(*context);
      } else if (const auto* iotlb = std::get_if<IotlbInvalidation>(&descriptor)) {
        unit_.invalidate(*iotlb);
      } else if (const auto* entries = std::get_if<InterruptInvalidation>(&descriptor)) {
        unit_.invalidate(*entries);
      } else if (const auto* table = std::get_if<PasidCacheInvalidation>(&descriptor)) {
        unit_.invalidate(*table);
      } else if (const auto* pages = std::get_if<PasidIotlbInvalidation>(&descriptor)) {
        unit_.invalidate(*pages);
      }
      unit_.end_descriptor();
      if (event) unit_.raise_completion();
    } else if (const auto message = unit_.take_event()) {
      events_.push_back(*message);
    } else {
      return;
    }
  }
}

}  // namespace iovirt::iommu
