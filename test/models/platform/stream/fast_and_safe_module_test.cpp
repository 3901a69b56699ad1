// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The receive stream of Fast & Safe through the whole machine.

#include "models/platform/stream/fast_and_safe.h"

#include <nlohmann/json.hpp>

#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::platform::stream;
using software::IommuMode;

namespace {

/// Short, unless it is told otherwise.
Result stream(IommuMode mode, std::uint32_t flows, std::vector<std::string> settings = {}) {
  settings.insert(settings.begin(), {"stream.packets=8000", "stream.warm_up_packets=4000"});
  const Scenario scenario(settings);
  platform::Config machine = scenario.machine();
  machine.software.iommu_mode = mode;
  Config config = scenario.stream();
  config.flows = flows;
  Result result = run(machine, config);
  CHECK(result.errors == 0);
  CHECK(result.faults == 0);
  return result;
}

}  // namespace

TEST_CASE("the points of 5 and 10 flows of Fast & Safe come out within 10 percent") {
  const auto points = compare_with_measured(Scenario({}));
  INFO(fast_and_safe_report(points));
  CHECK(within(points));
}

TEST_CASE("with the IOMMU off a stream of 5 flows is as fast as the wire") {
  const Result off = stream(IommuMode::off, 5);
  CHECK(off.gbps == Approx(100 * 3948.0 / 4038).epsilon(0.005));
  CHECK(off.misses == 0);
  CHECK(off.invalidations == 0);
  const Result through = stream(IommuMode::passthrough, 5);
  CHECK(through.gbps == Approx(off.gbps).epsilon(0.005));
}

TEST_CASE("every page of a strict stream misses once, and is invalidated once") {
  const Result strict = stream(IommuMode::strict, 5);
  CHECK(strict.misses > 1 + strict.acks);  // acknowledgements have pages too
  CHECK(strict.invalidations == Approx(1 + strict.acks).epsilon(0.02));
  CHECK(strict.memory_reads == Approx(strict.misses + strict.l1_misses + strict.l2_misses + strict.l3_misses).epsilon(0.01));
  CHECK(strict.gbps < stream(IommuMode::off, 5).gbps * 0.9);
}

TEST_CASE("contiguous addresses, invalidated together, give the throughput back: the paper's own remedy") {
  const Result strict = stream(IommuMode::strict, 5), contiguous = stream(IommuMode::contiguous, 5);
  CHECK(contiguous.invalidations < 0.2);
  CHECK(contiguous.l3_misses < strict.l3_misses / 4);
  CHECK(contiguous.l1_misses < 0.02);
  CHECK(contiguous.misses > 1);  // a miss a page stays: it is what protection means
  CHECK(contiguous.gbps > 90);
}

TEST_CASE("deferred invalidations and huge pages cost a stream less than strict ones") {
  const Result strict = stream(IommuMode::strict, 5), deferred = stream(IommuMode::deferred, 5), huge = stream(IommuMode::huge_pages, 5);
  CHECK(deferred.gbps > strict.gbps);
  CHECK(deferred.invalidations < 0.02);
  CHECK(huge.gbps > strict.gbps);
  CHECK(huge.misses < 0.3);
}

TEST_CASE("more flows mean more acknowledgements, and those more misses") {
  const Result five = stream(IommuMode::strict, 5), ten = stream(IommuMode::strict, 10);
  CHECK(ten.acks > five.acks * 1.2);
  CHECK(ten.misses > five.misses);
  CHECK(ten.gbps < five.gbps);
}

TEST_CASE("a packet that finds no page waits, and the NIC looks at the doorbell record until there is one") {
  const auto looking = [](const char* every) {
    return stream(IommuMode::strict, 5, {"stream.in_flight_packets=4000", "stream.ring_pages=128", every});
  };
  const Result often = looking("stream.look_again_ns=10"), seldom = looking("stream.look_again_ns=50000");
  CHECK(often.starved > 0);
  CHECK(seldom.starved > 0);
  for (const Result& run : {often, seldom}) CHECK(run.packets == Approx(8000).epsilon(0.01));  // none is lost
  CHECK(often.unmap_ns != seldom.unmap_ns);
}

TEST_CASE("a send ring that is full drops acknowledgements, which slows the stream and loses nothing") {
  const Result tight = stream(IommuMode::strict, 5, {"stream.send_entries=4"}), roomy = stream(IommuMode::strict, 5);
  CHECK(tight.gbps < roomy.gbps * 0.9);
  CHECK(tight.packets == Approx(roomy.packets).epsilon(0.01));
}

TEST_CASE("a longer event ring touches more pages, so that the IOTLB misses more") {
  CHECK(stream(IommuMode::strict, 5, {"stream.event_entries=1024"}).misses > stream(IommuMode::strict, 5, {"stream.event_entries=64"}).misses);
}

TEST_CASE("a stream comes out the same each time") {
  const Result one = stream(IommuMode::strict, 10), other = stream(IommuMode::strict, 10);
  CHECK(one.gbps == other.gbps);
  CHECK(one.misses == other.misses);
  CHECK(one.l3_misses == other.l3_misses);
  CHECK(one.unmap_ns == other.unmap_ns);
}
