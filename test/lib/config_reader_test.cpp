// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/config_reader.h"

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "test/support/catch.h"

namespace {

enum class Replacement { lru, fifo };

struct Station {
  std::string mac;
  std::uint8_t vm = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("mac", self.mac, {});
    visit("vm", self.vm, {.max = 6});
  }
};

struct Pace {
  static constexpr std::string_view words[] = {"recorded", "line"};
  int word = 0;
  double number = 0;
};

struct Iommu {
  std::uint32_t iotlb_entries = 128;
  std::uint64_t walk_overhead_ns = 0;
  double walk_rate = 0;
  Replacement replacement = Replacement::lru;
  bool posted_interrupts = true;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("iotlb_entries", self.iotlb_entries, {.unit = "entries", .min = 1, .max = 1 << 20});
    visit("walk_overhead_ns", self.walk_overhead_ns, {.unit = "ns"});
    visit("walk_rate", self.walk_rate, {.unit = "mhz", .max = 100});
    visit("replacement", self.replacement, {});
    visit("posted_interrupts", self.posted_interrupts, {});
  }
};

struct Machine {
  std::string name = "server";
  std::uint64_t seed = 1;
  std::int32_t offset = 0;
  Pace speed;
  std::vector<Station> stations;
  std::vector<std::string> files;
  Iommu iommu;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("name", self.name, {});
    visit("seed", self.seed, {});
    visit("offset", self.offset, {});
    visit("speed", self.speed, {.min = 0.001, .max = 1000});
    visit("stations", self.stations, {});
    visit("files", self.files, {});
    visit("iommu", self.iommu, {});
  }
};

/// The message of the error, or "" when `json` loads.
std::string error_of(const std::string& json) {
  Machine machine;
  iovirt::ConfigReader reader(iovirt::config_target(machine));
  try {
    reader.text(json, "two_node.json");
  } catch (const iovirt::ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string set_error_of(const std::string& assignment) {
  Machine machine;
  iovirt::ConfigReader reader(iovirt::config_target(machine));
  try {
    reader.set(assignment);
  } catch (const iovirt::ConfigError& error) {
    return error.what();
  }
  return "";
}

std::string profile_error_of(const std::string& json) {
  Machine machine;
  iovirt::ConfigReader reader(iovirt::config_target(machine));
  try {
    reader.profile_text(json, "p.json");
    reader.require_profile({"iommu"}, "p.json");
  } catch (const iovirt::ConfigError& error) {
    return error.what();
  }
  return "";
}

const std::string kProfile = R"([
  {"path": "iommu.walk_overhead_ns", "value": 30, "unit": "ns", "source": "a paper"},
  {"path": "iommu.walk_rate", "value": 18.5, "unit": "mhz", "source": "another"}])";

}  // namespace

template <>
struct iovirt::EnumNames<Replacement> {
  static constexpr std::pair<std::string_view, Replacement> values[] = {{"lru", Replacement::lru}, {"fifo", Replacement::fifo}};
};

TEST_CASE("a configuration file fills the struct and leaves the rest at its defaults") {
  Machine machine;
  iovirt::ConfigReader reader(iovirt::config_target(machine));
  reader.text(R"({"name": "x", "offset": -5, "seed": 18446744073709551615, "speed": 2.5,
                  "stations": [{"mac": "aa", "vm": 3}, {"mac": "bb"}],
                  "iommu": {"iotlb_entries": 1e3, "replacement": "fifo"}})",
              "a.json");
  CHECK(machine.name == "x");
  CHECK(machine.offset == -5);
  CHECK(machine.seed == ~0ull);
  CHECK(machine.speed.word == -1);
  CHECK(machine.speed.number == 2.5);
  REQUIRE(machine.stations.size() == 2);
  CHECK(machine.stations[0].vm == 3);
  CHECK(machine.stations[1].mac == "bb");
  CHECK(machine.iommu.iotlb_entries == 1000);
  CHECK(machine.iommu.replacement == Replacement::fifo);
  CHECK(machine.iommu.posted_interrupts);
}

TEST_CASE("an unknown key is answered with the nearest known one") {
  CHECK(error_of(R"({"iommu": {"iotlb_entrys": 512}})") ==
        "two_node.json: $.iommu.iotlb_entrys: unknown key (did you mean iotlb_entries?)");
  CHECK(error_of(R"({"iomu": {}})") == "two_node.json: $.iomu: unknown key (did you mean iommu?)");
  CHECK(error_of(R"({"iotlb_entries": 512})") ==
        "two_node.json: $.iotlb_entries: unknown key (did you mean iommu.iotlb_entries?)");
  CHECK(error_of(R"({"stations": [{"mac": "aa"}, {"mca": "bb"}]})") ==
        "two_node.json: $.stations[1].mca: unknown key (did you mean mac?)");
  CHECK(error_of(R"({"zzzzzzzz": 1})") ==
        "two_node.json: $.zzzzzzzz: unknown key (known here: name, seed, offset, speed, stations, files, iommu)");
}

TEST_CASE("a value of the wrong type is refused with what was expected") {
  CHECK(error_of(R"({"iommu": {"iotlb_entries": "many"}})") ==
        "two_node.json: $.iommu.iotlb_entries: \"many\" is a string: expected an integer from 1 to 1048576 entries");
  CHECK(error_of(R"({"iommu": {"posted_interrupts": 1}})") ==
        "two_node.json: $.iommu.posted_interrupts: 1 is a number: expected true or false");
  CHECK(error_of(R"({"iommu": 5})") ==
        "two_node.json: $.iommu: 5 is a number: expected an object with iotlb_entries, walk_overhead_ns, walk_rate, "
        "replacement, posted_interrupts");
  CHECK(error_of(R"({"name": null})") == "two_node.json: $.name: null is null: expected a string");
  CHECK(error_of(R"({"files": "a"})") == "two_node.json: $.files: \"a\" is a string: expected a list");
  CHECK(error_of(R"({"files": ["a", 2]})") == "two_node.json: $.files[1]: 2 is a number: expected a string");
  CHECK(error_of("[]") == "two_node.json: $: [] is a list: expected an object with name, seed, offset, speed, stations, files, iommu");
  CHECK(error_of(R"({"speed": true})") ==
        "two_node.json: $.speed: true is true or false: expected recorded, line, or a number from 0.001 to 1000");
}

TEST_CASE("a negative, fractional, small or overflowing number is refused") {
  CHECK(error_of(R"({"iommu": {"iotlb_entries": -1}})") ==
        "two_node.json: $.iommu.iotlb_entries: -1 is out of range: expected an integer from 1 to 1048576 entries");
  CHECK(error_of(R"({"iommu": {"iotlb_entries": 0}})") ==
        "two_node.json: $.iommu.iotlb_entries: 0 is out of range: expected an integer from 1 to 1048576 entries");
  CHECK(error_of(R"({"iommu": {"iotlb_entries": 1.5}})") ==
        "two_node.json: $.iommu.iotlb_entries: 1.5 is not whole: expected an integer from 1 to 1048576 entries");
  CHECK(error_of(R"({"iommu": {"iotlb_entries": 4294967296}})") ==
        "two_node.json: $.iommu.iotlb_entries: 4294967296 is out of range: expected an integer from 1 to 1048576 entries");
  CHECK_THAT(error_of(R"({"seed": 18446744073709551616})"), Catch::Matchers::ContainsSubstring("$.seed: ") &&
             Catch::Matchers::ContainsSubstring("is out of range: expected an integer from 0 to 18446744073709551615"));
  CHECK(error_of(R"({"seed": 1e400})") == "two_node.json: line 1, column 14: JSON syntax error: 1e400 overflows a number");
  CHECK(error_of(R"({"iommu": {"walk_rate": -0.5}})") ==
        "two_node.json: $.iommu.walk_rate: -0.5 is out of range: expected a number from 0 to 100 mhz");
  CHECK(error_of(R"({"offset": -2147483648})").empty());
  CHECK_FALSE(error_of(R"({"offset": -2147483649})").empty());
  CHECK_FALSE(error_of(R"({"offset": 2147483648})").empty());
  CHECK_FALSE(error_of(R"({"stations": [{"vm": 7}]})").empty());
}

TEST_CASE("an unknown choice is answered with the choices") {
  CHECK(error_of(R"({"iommu": {"replacement": "lur"}})") ==
        "two_node.json: $.iommu.replacement: unknown value \"lur\" (did you mean lru?): expected one of lru, fifo");
  CHECK(error_of(R"({"speed": "fast"})") ==
        "two_node.json: $.speed: unknown value \"fast\": expected recorded, line, or a number from 0.001 to 1000");
}

TEST_CASE("a JSON syntax error is given with line and column") {
  const std::string error = error_of("{\n  \"name\": \"x\",\n  \"seed\": ,\n}");
  CHECK_THAT(error, Catch::Matchers::ContainsSubstring("two_node.json: line 3, column 11: JSON syntax error: "));
  CHECK_THAT(error_of("{\"name\": \"x\""), Catch::Matchers::ContainsSubstring("line 1, column 12: JSON syntax error: unexpected end of input"));
  CHECK_THAT(error_of(""), Catch::Matchers::ContainsSubstring("two_node.json: line 1, column 1: JSON syntax error: "));
  CHECK_THAT(error_of("{} {}"), Catch::Matchers::ContainsSubstring("line 1, column 4"));
}

TEST_CASE("a key given twice is refused") {
  CHECK(error_of(R"({"iommu": {"walk_rate": 1, "walk_rate": 2}})") == "two_node.json: $.iommu.walk_rate: key given twice");
}

TEST_CASE("a missing file and a folder are refused by name") {
  Machine machine;
  iovirt::ConfigReader reader(iovirt::config_target(machine));
  CHECK_THROWS_WITH(reader.file("/nonexistent/two_node.json"),
                    "/nonexistent/two_node.json: cannot be read: No such file or directory (expected a configuration file)");
  CHECK_THROWS_WITH(reader.file("/"), "/: is a folder (expected a configuration file)");
}

TEST_CASE("an assignment takes JSON or a bare string, and names itself in errors") {
  Machine machine;
  iovirt::ConfigReader reader(iovirt::config_target(machine));
  reader.set("iommu.iotlb_entries=64");
  reader.set("$.iommu.replacement=fifo");
  reader.set("name=2024");
  reader.set("speed=line");
  reader.set(R"(files=["a","b=c"])");
  reader.set(R"(iommu={"walk_rate": 7})");
  CHECK(machine.iommu.iotlb_entries == 64);
  CHECK(machine.iommu.replacement == Replacement::fifo);
  CHECK(machine.name == "2024");
  CHECK(machine.speed.word == 1);
  CHECK(machine.files == std::vector<std::string>{"a", "b=c"});
  CHECK(machine.iommu.walk_rate == 7);

  CHECK(set_error_of("iommu.iotlb_entrys=1") == "--set: $.iommu.iotlb_entrys: unknown key (did you mean iotlb_entries?)");
  CHECK(set_error_of("iommu.iotlb_entries=many") ==
        "--set: $.iommu.iotlb_entries: \"many\" is a string: expected an integer from 1 to 1048576 entries");
  CHECK(set_error_of("files=[1") == "--set: $.files: [1: neither JSON nor a bare word");
  CHECK(set_error_of("seed") == "--set: \"seed\": expected path=value, such as iommu.iotlb.entries=512");
  CHECK_THAT(set_error_of("iommu..x=1"), Catch::Matchers::ContainsSubstring("expected path=value"));
  CHECK_THAT(set_error_of("files[0]=1"), Catch::Matchers::ContainsSubstring("a list is given whole"));
  CHECK_THAT(set_error_of("seed.x=1"), Catch::Matchers::ContainsSubstring("--set: $.seed: "));
}

TEST_CASE("later layers win, and each value knows where it came from") {
  Machine machine;
  iovirt::ConfigReader reader(iovirt::config_target(machine));
  reader.profile_text(kProfile, "p.json");
  reader.text(R"({"seed": 3, "iommu": {"walk_overhead_ns": 40, "iotlb_entries": 256}})", "a.json");
  reader.set("seed=4");
  CHECK(machine.seed == 4);
  CHECK(machine.iommu.walk_overhead_ns == 40);
  CHECK(machine.iommu.walk_rate == 18.5);
  CHECK(reader.origin("seed") == "--set");
  CHECK(reader.origin("iommu.walk_overhead_ns") == "a.json");
  CHECK(reader.origin("iommu.walk_rate") == "p.json");
  CHECK(reader.origin("name") == "defaults");
  CHECK(reader.source("iommu.walk_rate") == "another");
  CHECK(reader.source("iommu.walk_overhead_ns").empty());
  CHECK_THROWS_WITH(reader.fail("seed", "must be odd"), "--set: $.seed: must be odd");
}

TEST_CASE("a profile gives every time, rate and cycle count its value and source") {
  CHECK(profile_error_of(kProfile).empty());
  CHECK(profile_error_of(R"([{"path": "iommu.walk_overhead_ns", "value": 30, "unit": "ns", "source": "a"}])") ==
        "p.json: $.iommu.walk_rate: no entry: a value in mhz needs one, with its source");
  CHECK(profile_error_of(R"([{"path": "iommu.walk_rate", "value": 30, "unit": "ghz", "source": "a"}])") ==
        "p.json: $[0] (iommu.walk_rate): the unit is \"ghz\": expected \"mhz\"");
  CHECK(profile_error_of(R"([{"path": "iommu.walk_rat", "value": 30, "unit": "mhz", "source": "a"}])") ==
        "p.json: $[0] (iommu.walk_rat): no such field (did you mean iommu.walk_rate?)");
  CHECK(profile_error_of(R"([{"path": "iommu.walk_rate", "value": 300, "unit": "mhz", "source": "a"}])") ==
        "p.json: $.iommu.walk_rate: 300 is out of range: expected a number from 0 to 100 mhz");
  CHECK(profile_error_of(R"([{"path": "iommu.walk_rate", "value": 30, "unit": "mhz", "source": ""}])") ==
        "p.json: $[0] (iommu.walk_rate): the source is empty: expected where the value comes from");
  CHECK(profile_error_of(R"([{"path": "iommu.walk_rate", "value": 30, "unit": "mhz"}])") == "p.json: $[0]: source is missing");
  CHECK(profile_error_of(R"([{"path": "iommu.walk_rate", "value": 3, "unit": "mhz", "source": "a", "note": 1}])") ==
        "p.json: $[0].note: unknown key (known here: path, value, unit, source)");
  CHECK(profile_error_of(R"({})") == "p.json: $: expected a list of {path, value, unit, source}");
  const std::string twice = R"({"path": "iommu.walk_rate", "value": 3, "unit": "mhz", "source": "a"})";
  CHECK(profile_error_of("[" + twice + "," + twice + "]") == "p.json: $[1] (iommu.walk_rate): given twice");
}

TEST_CASE("the dump of a configuration reads back as the same configuration") {
  Machine machine;
  iovirt::ConfigReader reader(iovirt::config_target(machine));
  reader.text(R"({"offset": -7, "speed": "line", "stations": [{"mac": "aa", "vm": 2}], "iommu": {"walk_rate": 0.1}})", "a.json");
  const std::string dump = iovirt::dump_config(iovirt::config_target(machine)).dump();
  CHECK(dump ==
        R"({"name":"server","seed":1,"offset":-7,"speed":"line","stations":[{"mac":"aa","vm":2}],"files":[],)"
        R"("iommu":{"iotlb_entries":128,"walk_overhead_ns":0,"walk_rate":0.1,"replacement":"lru","posted_interrupts":true}})");
  Machine again;
  iovirt::ConfigReader(iovirt::config_target(again)).text(dump, "dump");
  CHECK(iovirt::dump_config(iovirt::config_target(again)).dump() == dump);
}

TEST_CASE("units of time, rate and cycles need a source, sizes and counts do not") {
  for (std::string_view unit : {"ns", "cycles", "mbps", "pps", "mhz", "cycles/byte", "GT/s"}) CHECK(iovirt::needs_source(unit));
  for (std::string_view unit : {"", "bytes", "entries", "queues", "frames"}) CHECK_FALSE(iovirt::needs_source(unit));
}
