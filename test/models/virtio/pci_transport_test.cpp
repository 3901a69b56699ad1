// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/virtio/pci_transport.h"

#include <map>
#include <string>
#include <utility>

#include "models/virtio/net_device.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::virtio;
namespace c = iovirt::virtio::common;

namespace {

struct Events : TransportEvents {
  void queue_enabled(unsigned queue, const QueueLayout& layout, std::uint64_t features) override {
    log.push_back("enabled " + std::to_string(queue));
    layouts[queue] = layout;
    negotiated = features;
  }
  void notify(unsigned queue) override { log.push_back("notify " + std::to_string(queue)); }
  void reset() override { log.push_back("reset"); }
  void message(const Message& m) override { log.push_back("message " + std::to_string(m.data)); }
  void intx(bool asserted) override { log.push_back(asserted ? "intx on" : "intx off"); }
  std::vector<std::string> take() { return std::exchange(log, {}); }
  std::vector<std::string> log;
  std::map<unsigned, QueueLayout> layouts;
  std::uint64_t negotiated = 0;
};

using Log = std::vector<std::string>;

struct Bench {
  explicit Bench(Config config = {}) : transport(net_identity(config, {2, 0, 0, 0, 0, 7}, 1500), events) {}
  std::uint64_t get(std::uint32_t offset, unsigned bytes) { return transport.bar_read(4, offset, bytes); }
  void set(std::uint32_t offset, unsigned bytes, std::uint64_t value) { transport.bar_write(4, offset, bytes, value); }
  void negotiate(std::uint64_t features) {
    set(c::device_status, 1, kAcknowledge);
    set(c::device_status, 1, kAcknowledge | kDriver);
    for (std::uint32_t half : {0u, 1u}) {
      set(c::driver_feature_select, 4, half);
      set(c::driver_feature, 4, features >> (32 * half) & 0xffffffff);
    }
    set(c::device_status, 1, kAcknowledge | kDriver | kFeaturesOk);
  }
  void enable_queue(std::uint16_t queue, std::uint64_t base) {
    set(c::queue_select, 2, queue);
    set(c::queue_desc, 4, base & 0xffffffff);
    set(c::queue_desc + 4, 4, base >> 32);
    set(c::queue_driver, 8, base + 0x1000);
    set(c::queue_device, 8, base + 0x2000);
    set(c::queue_msix_vector, 2, queue + 1u);
    set(c::queue_enable, 2, 1);
  }
  void driver_ok() { set(c::device_status, 1, kAcknowledge | kDriver | kFeaturesOk | kDriverOk); }
  std::uint16_t find(std::uint8_t id, unsigned nth = 0) {
    for (auto at = static_cast<std::uint16_t>(transport.config_read(0x34, 1)); at != 0;
         at = static_cast<std::uint16_t>(transport.config_read(at + 1, 1)))
      if (transport.config_read(at, 1) == id && nth-- == 0) return at;
    return 0;
  }
  std::uint16_t find_structure(CfgType type) {
    for (unsigned nth = 0;; ++nth) {
      const std::uint16_t at = find(kVendorCapability, nth);
      if (at == 0 || transport.config_read(at + cap::cfg_type, 1) == static_cast<std::uint32_t>(type)) return at;
    }
  }
  void enable_msix(std::uint32_t control = 0x8000) {
    transport.config_write(4, 2, 6);  // memory space, bus master
    transport.config_write(static_cast<std::uint16_t>(find(0x11) + 2), 2, control);
  }
  void program_vector(unsigned vector, std::uint64_t address, std::uint32_t data, bool masked = false) {
    transport.bar_write(1, 16 * vector, 8, address);
    transport.bar_write(1, 16 * vector + 8, 4, data);
    transport.bar_write(1, 16 * vector + 12, 4, masked);
  }
  Events events;
  PciTransport transport;
};

}  // namespace

TEST_CASE("the function is a modern virtio network device whose capabilities point into BAR 4") {
  Bench b;
  CHECK(b.transport.config_read(0, 4) == 0x10411af4);
  CHECK(b.transport.config_read(8, 4) == 0x02000001);
  for (CfgType type : {CfgType::common, CfgType::notify, CfgType::isr, CfgType::device}) {
    const std::uint16_t at = b.find_structure(type);
    REQUIRE(at != 0);
    CHECK(b.transport.config_read(at + cap::bar, 1) == 4);
    CHECK(b.transport.config_read(at + cap::length, 4) > 0);
  }
  CHECK(b.transport.config_read(b.find_structure(CfgType::notify) + cap::notify_off_multiplier, 4) == 4);
}

TEST_CASE("a BAR is sized by writing ones and decoded once memory space is enabled") {
  Bench b;
  b.transport.config_write(0x20, 4, ~0u);
  CHECK(b.transport.config_read(0x20, 4) == (0xffffc000u | 4));
  b.transport.config_write(0x20, 4, 0xfe000000);
  b.transport.config_write(0x24, 4, 1);
  CHECK_FALSE(b.transport.notify_address(1));
  b.transport.config_write(4, 2, 2);
  CHECK(b.transport.bar_address(4) == 0x1fe000000);
  CHECK(b.transport.notify_address(1) == 0x1fe003004);
  CHECK_FALSE(b.transport.bar_address(0));
  CHECK_FALSE(b.transport.notify_address(2));
}

TEST_CASE("features are offered in two halves, and only a subset with VERSION_1 is accepted") {
  Bench b;
  b.set(c::device_feature_select, 4, 0);
  std::uint64_t offered = b.get(c::device_feature, 4);
  b.set(c::device_feature_select, 4, 1);
  offered |= b.get(c::device_feature, 4) << 32;
  b.set(c::device_feature_select, 4, 2);
  CHECK(b.get(c::device_feature, 4) == 0);
  CHECK(offered == (kVersion1 | kNetMac | kNetStatus | kNetMtu | kRingEventIdx | kRingIndirectDesc));

  b.negotiate(kNetMac);  // legacy driver
  CHECK_FALSE(b.get(c::device_status, 1) & kFeaturesOk);
  b.set(c::device_status, 1, 0);
  b.negotiate(kVersion1 | kNetCtrlVq);  // not offered
  CHECK_FALSE(b.get(c::device_status, 1) & kFeaturesOk);
  b.set(c::device_status, 1, 0);
  b.negotiate(kVersion1 | kRingEventIdx);
  CHECK(b.get(c::device_status, 1) & kFeaturesOk);
  // Settled: later writes change nothing (3.1.1).
  b.set(c::driver_feature_select, 4, 0);
  b.set(c::driver_feature, 4, 0);
  CHECK(b.transport.features() == (kVersion1 | kRingEventIdx));

  Config config;
  config.event_idx = config.indirect = false;
  Bench plain(config);
  CHECK((plain.get(c::device_feature, 4) & (kRingEventIdx | kRingIndirectDesc)) == 0);
}

TEST_CASE("an enabled queue is served, and notified, only from DRIVER_OK on") {
  Bench b;
  b.negotiate(kVersion1);
  b.enable_queue(1, 0x123450000);
  CHECK(b.get(c::queue_enable, 2) == 1);
  b.set(0x3004, 2, 1);
  CHECK(b.events.take().empty());
  b.driver_ok();
  CHECK(b.events.take() == Log{"enabled 1"});
  CHECK(b.events.layouts[1].desc == 0x123450000);
  CHECK(b.events.layouts[1].driver == 0x123451000);
  CHECK(b.events.layouts[1].device == 0x123452000);
  CHECK(b.events.layouts[1].size == 256);
  CHECK(b.events.negotiated == kVersion1);
  b.set(0x3004, 2, 1);
  b.set(0x3000, 2, 0);  // not enabled
  b.set(0x3008, 2, 2);  // no such queue
  CHECK(b.events.take() == Log{"notify 1"});
  b.enable_queue(0, 0x200000);
  CHECK(b.events.take() == Log{"enabled 0"});
}

TEST_CASE("queue registers: size can shrink by powers of two, addresses are fixed once enabled, other queues read 0") {
  Bench b;
  b.negotiate(kVersion1);
  CHECK(b.get(c::num_queues, 2) == 2);
  b.set(c::queue_select, 2, 0);
  b.set(c::queue_size, 2, 100);
  CHECK(b.get(c::queue_size, 2) == 256);
  b.set(c::queue_size, 2, 512);
  CHECK(b.get(c::queue_size, 2) == 256);
  b.set(c::queue_size, 2, 64);
  CHECK(b.get(c::queue_size, 2) == 64);
  b.enable_queue(0, 0x10000);
  b.set(c::queue_desc, 4, 0);
  b.set(c::queue_enable, 2, 0);
  CHECK(b.get(c::queue_desc, 8) == 0x10000);
  CHECK(b.get(c::queue_desc + 4, 4) == 0);
  CHECK(b.get(c::queue_enable, 2) == 1);
  b.set(c::queue_select, 2, 2);
  CHECK(b.get(c::queue_size, 2) == 0);
  b.set(c::queue_enable, 2, 1);
  CHECK_FALSE(b.transport.queue_is_enabled(2));
}

TEST_CASE("a vector that does not exist reads back as none") {
  Bench b;
  b.set(c::config_msix_vector, 2, 3);
  CHECK(b.get(c::config_msix_vector, 2) == kNoVector);
  b.set(c::config_msix_vector, 2, 2);
  CHECK(b.get(c::config_msix_vector, 2) == 2);
}

TEST_CASE("writing 0 to the status resets everything the driver set") {
  Bench b;
  b.negotiate(kVersion1);
  b.enable_queue(0, 0x10000);
  b.driver_ok();
  b.events.take();
  b.set(c::device_status, 1, 0);
  CHECK(b.events.take() == Log{"reset"});
  CHECK(b.get(c::device_status, 1) == 0);
  CHECK(b.transport.features() == 0);
  b.set(c::queue_select, 2, 0);
  CHECK(b.get(c::queue_enable, 2) == 0);
  CHECK(b.get(c::queue_desc, 8) == 0);
  CHECK(b.get(c::queue_msix_vector, 2) == kNoVector);
  b.set(0x3000, 2, 0);
  CHECK(b.events.take().empty());
}

TEST_CASE("an interrupt is the message of the queue's vector, and masked it waits in the pending bits") {
  Bench b;
  b.enable_msix();
  b.program_vector(1, 0xfee00000, 0x41);
  b.program_vector(2, 0xfee01000, 0x42, true);
  b.negotiate(kVersion1);
  CHECK_FALSE(b.transport.interrupt(0));  // before DRIVER_OK
  b.enable_queue(0, 0x10000);
  b.enable_queue(1, 0x20000);
  b.driver_ok();
  b.events.take();
  const auto message = b.transport.interrupt(0);
  REQUIRE(message);
  CHECK(message->address == 0xfee00000);
  CHECK(message->data == 0x41);
  CHECK_FALSE(b.transport.interrupt(1));
  CHECK((b.transport.bar_read(1, 0x800, 8) & 4) != 0);
  CHECK(b.events.take().empty());
  b.program_vector(2, 0xfee01000, 0x42);
  CHECK(b.events.take() == Log{"message 66"});
  CHECK(b.transport.bar_read(1, 0x800, 8) == 0);
  CHECK_FALSE(b.transport.interrupt(7));

  // No vector, no interrupt; nor without bus mastering.
  b.set(c::queue_select, 2, 0);
  b.set(c::queue_msix_vector, 2, kNoVector);
  CHECK_FALSE(b.transport.interrupt(0));
  b.set(c::queue_msix_vector, 2, 1);
  b.transport.config_write(4, 2, 2);
  CHECK_FALSE(b.transport.interrupt(0));
}

TEST_CASE("the function mask holds interrupts back until it is cleared") {
  Bench b;
  b.enable_msix(0xc000);
  b.program_vector(1, 0xfee00000, 0x41);
  b.negotiate(kVersion1);
  b.enable_queue(0, 0x10000);
  b.driver_ok();
  b.events.take();
  CHECK_FALSE(b.transport.interrupt(0));
  b.enable_msix(0x8000);
  CHECK(b.events.take() == Log{"message 65"});
}

TEST_CASE("without MSI-X the ISR bit raises INTA, and reading it clears both") {
  Bench b;
  b.negotiate(kVersion1);
  b.enable_queue(0, 0x10000);
  b.driver_ok();
  b.events.take();
  CHECK_FALSE(b.transport.interrupt(0));
  CHECK(b.events.take() == Log{"intx on"});
  CHECK(b.get(0x1000, 1) == kIsrQueue);
  CHECK(b.events.take() == Log{"intx off"});
  CHECK(b.get(0x1000, 1) == 0);
}

TEST_CASE("a broken ring shows as DEVICE_NEEDS_RESET and a configuration interrupt, until the driver resets") {
  Bench b;
  b.enable_msix();
  b.program_vector(0, 0xfee00000, 0x40);
  b.negotiate(kVersion1);
  b.set(c::config_msix_vector, 2, 0);
  b.driver_ok();
  const auto message = b.transport.needs_reset();
  REQUIRE(message);
  CHECK(message->data == 0x40);
  CHECK((b.get(c::device_status, 1) & kDeviceNeedsReset) != 0);
  b.driver_ok();
  CHECK((b.get(c::device_status, 1) & kDeviceNeedsReset) != 0);
  b.set(c::device_status, 1, 0);
  CHECK(b.get(c::device_status, 1) == 0);
}

TEST_CASE("the network configuration shows mac, link and mtu, and a change moves the generation") {
  Bench b;
  CHECK(b.get(0x2000, 4) == 0x00000002);
  CHECK(b.get(0x2005, 1) == 7);
  CHECK(b.get(0x2000 + net_config::status, 2) == kNetLinkUp);
  CHECK(b.get(0x2000 + net_config::mtu, 2) == 1500);
  b.set(0x2000, 1, 9);  // read-only
  CHECK(b.get(0x2000, 1) == 2);
  const std::uint8_t down[2] = {0, 0};
  b.transport.change_config(net_config::status, down);
  CHECK(b.get(c::config_generation, 1) == 1);
  CHECK(b.get(0x2000 + net_config::status, 2) == 0);
}

TEST_CASE("the configuration access window reaches BAR 4 without memory space") {
  Bench b;
  const std::uint16_t window = b.find_structure(CfgType::pci);
  auto at = [window](std::uint16_t offset) { return static_cast<std::uint16_t>(window + offset); };
  b.transport.config_write(at(cap::bar), 1, 4);
  b.transport.config_write(at(cap::offset), 4, 0x2000 + net_config::mtu);
  b.transport.config_write(at(cap::length), 4, 2);
  CHECK(b.transport.config_read(at(cap::pci_cfg_data), 2) == 1500);
  CHECK(b.transport.config_read(at(cap::pci_cfg_data), 4) == 0);  // length says 2
  b.transport.config_write(at(cap::offset), 4, c::queue_select);
  b.transport.config_write(at(cap::pci_cfg_data), 2, 1);
  CHECK(b.get(c::queue_select, 2) == 1);
}

TEST_CASE("accesses outside every structure read 0 and do nothing") {
  Bench b;
  CHECK(b.get(0x4000, 4) == 0);
  CHECK(b.get(0x38, 4) == 0);
  CHECK(b.transport.bar_read(0, 0, 4) == 0);
  CHECK(b.transport.bar_read(1, 0x700, 4) == 0);
  b.set(0x1000, 1, 0xff);
  b.set(0x3ffc, 2, 0);
  b.set(0xfffffffc, 4, 0);
  b.transport.bar_write(1, 0x7f0, 4, 1);
  CHECK(b.events.take().empty());
}

TEST_CASE("a queue size that is no power of two is the user's error") {
  Config config;
  config.queue_size = 100;
  Events events;
  REQUIRE_THROWS_WITH(PciTransport(net_identity(config, {}), events),
                      Catch::Matchers::ContainsSubstring("virtio.queue_size"));
}
