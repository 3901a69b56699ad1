// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// Tables of measurements, and what is wrong with them.

#include "models/platform/pcie_bench/measured.h"

#include <set>

#include "lib/config_error.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::platform::pcie_bench;

namespace {

const std::string kHeader = "iommu,test,pattern,cache,host_offset_B,device_offset_B,window,size_B,avg_ns,bandwidth_gbps\n";

std::string error_of(const std::string& csv) {
  try {
    parse_measured(csv, "bench.csv");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a table gives latencies in ns and bandwidths in Gb/s") {
  const Measured measured = parse_measured(kHeader +
                                               "off,LAT_DMA_RD,Rand,HWarm,0,0,8KB,64,560.5,\n"
                                               "on_4KiB,BW_DMA_WR,Rand,Cold,0,0,1.5MB,256,,50.33\n",
                                           "bench.csv");
  REQUIRE(measured.size() == 2);
  CHECK(measured.at({Translation::off, Test::latency_read, Cache::host_warm, 64, 8192}) == 560.5);
  CHECK(measured.at({Translation::pages_4k, Test::bandwidth_write, Cache::cold, 256, 1536 << 10}) == 50.33);
}

TEST_CASE("columns are found by name, in any order and beside others") {
  const Measured measured = parse_measured(
      "size_B,window,extra,iommu,test,pattern,cache,host_offset_B,device_offset_B,bandwidth_gbps,avg_ns\r\n"
      "64,64MB,x,on_superpages,LAT_DMA_WRRD,Rand,DWarm,0,0,,783.6\r\n",
      "bench.csv");
  CHECK(measured.at({Translation::superpages, Test::latency_write_read, Cache::device_warm, 64, 64 << 20}) == 783.6);
}

TEST_CASE("rows of the benchmark that are not compared are passed over") {
  const std::string compared = "off,BW_DMA_RD,Rand,HWarm,0,0,8KB,64,,31.9\n";
  const Measured measured = parse_measured(kHeader + compared +
                                               "off,BW_DMA_RD,Seq,HWarm,0,0,8KB,64,,31.9\n"
                                               "off,BW_DMA_RD,Rand,DThrash,0,0,8KB,64,,31.9\n"
                                               "off,BW_DMA_RD,Rand,HWarm,0,0,4KB,64,,31.9\n"
                                               "off,BW_DMA_RD,Rand,HWarm,16,0,8KB,64,,31.9\n"
                                               "off,BW_DMA_RD,Rand,HWarm,0,0,8KB,65,,21.9\n"
                                               "off,BW_DMA_RW,Rand,HWarm,0,0,8KB,64,,22.9\n"
                                               "off,LAT_CMD_RD,Rand,HWarm,0,0,8KB,8,422.1,\n"
                                               "off,LAT_DMA_RD,Rand,HWarm,0,0,8KB,128,587.2,\n",
                                           "bench.csv");
  CHECK(measured.size() == 1);
}

TEST_CASE("the table that comes with iovirt covers every window with 4 KiB pages") {
  const Measured measured = read_measured(IOVIRT_SOURCE_DIR "/examples/pcie-bench/ivybridge.csv");
  CHECK(measured.size() == 1104);
  std::set<std::uint64_t> windows;
  for (const auto& [point, value] : measured)
    if (point.translation == Translation::pages_4k && point.test == Test::bandwidth_read && point.bytes == 256 &&
        point.cache == Cache::host_warm)
      windows.insert(point.window);
  CHECK(windows.size() == 13);
  CHECK(*windows.begin() == 8 << 10);
  CHECK(*windows.rbegin() == 64 << 20);
}

TEST_CASE("a mistake in a table is told with file, line, column and what was expected") {
  CHECK(error_of("iommu,test\n") ==
        "bench.csv:1: no column pattern: expected a header with "
        "iommu,test,pattern,cache,host_offset_B,device_offset_B,window,size_B,avg_ns,bandwidth_gbps");
  CHECK(error_of(kHeader + "off,LAT_DMA_RD,Rand\n") == "bench.csv:2: 3 columns: expected 10, as in the header");
  CHECK(error_of(kHeader + "on_4kib,LAT_DMA_RD,Rand,HWarm,0,0,8KB,64,560.5,\n") ==
        "bench.csv:2: column iommu: \"on_4kib\": expected off, on_4KiB, on_superpages (did you mean on_4KiB?)");
  CHECK(error_of(kHeader + "\noff,LAT_DMA_RE,Rand,HWarm,0,0,8KB,64,560.5,\n").starts_with("bench.csv:3: column test: \"LAT_DMA_RE\""));
  CHECK(error_of(kHeader + "off,LAT_DMA_RD,Rand,HWarm,0,0,8K,64,560.5,\n") ==
        "bench.csv:2: column window: \"8K\": expected a size as 8KB or 1.5MB");
  CHECK(error_of(kHeader + "off,LAT_DMA_RD,Rand,HWarm,0,0,8KB,-64,560.5,\n") ==
        "bench.csv:2: column size_B: \"-64\": expected a whole number of bytes");
  for (const char* value : {"", "fast", "0", "-1", "nan", "inf", "560.5x"}) {
    INFO(value);
    CHECK(error_of(kHeader + "off,LAT_DMA_RD,Rand,HWarm,0,0,8KB,64," + value + ",\n") ==
          std::string("bench.csv:2: column avg_ns: \"") + value + "\": expected nanoseconds above 0");
  }
  CHECK(error_of(kHeader + "off,BW_DMA_RD,Rand,HWarm,0,0,8KB,64,560.5,\n") ==
        "bench.csv:2: column bandwidth_gbps: \"\": expected Gb/s above 0");
  const std::string row = "off,BW_DMA_RD,Rand,HWarm,0,0,8KB,64,,31.9\n";
  CHECK(error_of(kHeader + row + row) == "bench.csv:3: the same point as in an earlier line: expected each once");
}

TEST_CASE("a table without anything to compare, and one that cannot be read, are refused") {
  CHECK(error_of(kHeader).starts_with("bench.csv: nothing to compare"));
  CHECK(error_of("").starts_with("bench.csv: nothing to compare"));
  CHECK_THROWS_AS(read_measured("/nonexistent/bench.csv"), ConfigError);
  CHECK_THROWS_AS(read_measured("/"), ConfigError);
}
