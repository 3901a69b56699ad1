// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/translate/access_trace.h"

#include <filesystem>
#include <vector>

#include "models/platform/translate/tenant_mix.h"
#include "test/support/capture_file.h"
#include "test/support/catch.h"

using namespace iovirt;
using namespace iovirt::platform;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string kHeader = std::string(kTraceHeader) + "\n";

std::vector<AccessRecord> read_all(const std::string& path) {
  AccessTrace trace(path);
  std::vector<AccessRecord> records;
  AccessRecord record;
  while (trace.next(record)) records.push_back(record);
  return records;
}

void refused(const std::string& text, const std::string& message) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("t.csv", text);
  INFO(text);
  try {
    read_all(path);
    FAIL("was accepted");
  } catch (const ConfigError& error) {
    CHECK_THAT(error.what(), ContainsSubstring("t.csv: " + message));
  }
}

}  // namespace

TEST_CASE("a text trace gives its records") {
  const test::TemporaryFolder folder;
  const auto records = read_all(folder.write("t.csv", kHeader + "0,00:00.0,,0x1000,64,r\r\n1.5,ff:1f.7,1048575,DEADBEEF000,4096,w\n2,03:00.1,0x10,ffff,1,r"));
  REQUIRE(records.size() == 3);
  CHECK(records[0] == AccessRecord{0, 0x1000, 64, kNoTracePasid, 0, false});
  CHECK(records[1] == AccessRecord{1500, 0xdeadbeef000, 4096, 0xfffff, 0xffff, true});
  CHECK(records[2] == AccessRecord{2000, 0xffff, 1, 16, 0x0301, false});
}

TEST_CASE("what is wrong in a text trace is named with line, column and what was expected") {
  refused("", "line 1: expected the header time_ns,requester,pasid,address,size_bytes,access");
  refused("time,requester\n", "line 1: expected the header");
  refused(kHeader, "holds no record: expected at least one");
  refused(kHeader + "0,03:00.0,,1000,64\n", "line 2: 5 columns: expected 6");
  refused(kHeader + "0,03:00.0,,1000,64,r,x\n", "line 2: 7 columns: expected 6");
  refused(kHeader + "0,03:00.0,,1000,64,r\n\n", "line 3: 1 column: expected 6");
  refused(kHeader + "-1,03:00.0,,1000,64,r\n", "line 2: time_ns: \"-1\": expected nanoseconds");
  refused(kHeader + "1.0001,03:00.0,,1000,64,r\n", "line 2: time_ns: \"1.0001\": expected nanoseconds, with at most three decimals");
  refused(kHeader + "1e3,03:00.0,,1000,64,r\n", "line 2: time_ns: \"1e3\"");
  refused(kHeader + "99999999999999999999,03:00.0,,1000,64,r\n", "line 2: time_ns:");
  refused(kHeader + "5,03:00.0,,1000,64,r\n4,03:00.0,,1000,64,r\n", "line 3: time_ns: \"4\": expected records in the order of their times: the one before has 5");
  for (const char* requester : {"", "3:00.0", "03:20.0", "03:00.8", "0000:03:00.0", "03:00,0", "zz:00.0", "03-00.0"})
    refused(kHeader + "0," + requester + ",,1000,64,r\n", "line 2");
  refused(kHeader + "0,03:20.0,,1000,64,r\n", "line 2: requester: \"03:20.0\": expected bb:dd.f in hexadecimal");
  refused(kHeader + "0,03:00.0,1048576,1000,64,r\n", "line 2: pasid: \"1048576\": expected 0 to 1048575, or nothing");
  refused(kHeader + "0,03:00.0,x,1000,64,r\n", "line 2: pasid: \"x\"");
  refused(kHeader + "0,03:00.0,,0xg,64,r\n", "line 2: address: \"0xg\": expected a hexadecimal address");
  refused(kHeader + "0,03:00.0,,,64,r\n", "line 2: address: \"\"");
  refused(kHeader + "0,03:00.0,,10000000000000000,64,r\n", "line 2: address");
  refused(kHeader + "0,03:00.0,,ffffffffffffffff,2,r\n", "line 2: address: \"ffffffffffffffff\": expected an access that ends within 64 bits");
  refused(kHeader + "0,03:00.0,,1000,0,r\n", "line 2: size_bytes: \"0\": expected 1 to 16777216");
  refused(kHeader + "0,03:00.0,,1000,16777217,r\n", "line 2: size_bytes");
  refused(kHeader + "0,03:00.0,,1000,64,R\n", "line 2: access: \"R\": expected r or w");
}

TEST_CASE("a trace that is not there, or is a folder, is refused") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_WITH(AccessTrace(folder / "none.csv"), ContainsSubstring("none.csv: No such file"));
  CHECK_THROWS_WITH(AccessTrace(folder.path()), ContainsSubstring("is a folder"));
}

TEST_CASE("both forms hold the same records") {
  const test::TemporaryFolder folder;
  TenantMix mix{.tenants = 3, .requests = 500, .order = TenantOrder::random, .pattern = PagePattern::hot, .size_bytes = 300, .interval_ns = 1.25};
  std::vector<AccessRecord> made;
  mix.generate([&](const AccessRecord& record) { made.push_back(record); });
  made[7].pasid = 0;
  made[8].pasid = 0xfffff;
  made[9].bytes = AccessRecord::kMaxBytes;
  made[10].address = 0xffff'0000'0000'0000;
  for (const std::string name : {"t.csv", "t.bin"}) {
    AccessTraceWriter writer(folder / name, "test");
    for (const AccessRecord& record : made) writer.add(record);
    CHECK_FALSE(std::filesystem::exists(folder / name));
    writer.commit();
    CHECK(read_all(folder / name) == made);
  }
  CHECK(std::filesystem::file_size(folder / "t.bin") == 8 + 24 * 500);
  AccessTrace trace(folder / "t.bin");
  CHECK(trace.binary());
  AccessRecord first, again;
  trace.next(first);
  trace.rewind();
  trace.next(again);
  CHECK(first == again);
}

TEST_CASE("a writer that is not committed leaves nothing") {
  const test::TemporaryFolder folder;
  {
    AccessTraceWriter writer(folder / "t.bin", "--convert-to");
    writer.add({0, 0, 1});
  }
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK_THROWS_WITH(AccessTraceWriter(folder / "no/t.bin", "--convert-to"), ContainsSubstring("--convert-to: ") && ContainsSubstring("expected a file"));
}

TEST_CASE("what is wrong in a binary trace is named with its record") {
  const test::TemporaryFolder folder;
  const auto file = [&](std::vector<std::array<std::uint64_t, 3>> records, std::size_t cut = 0) {
    std::string bytes(binary_trace::kMagic.data(), 8);
    for (const auto& record : records) bytes.append(reinterpret_cast<const char*>(record.data()), 24);
    bytes.resize(bytes.size() - cut);
    return folder.write("t.bin", bytes);
  };
  const auto fine = binary_trace::encode({5, 0x1000, 64, kNoTracePasid, 0x0300, true});
  auto early = fine, far = fine, late = fine, reserved = fine;
  early[0] = 4;
  late[0] = ~0ull;
  far[1] = ~0ull;
  reserved[2] |= 1ull << 63;
  CHECK(read_all(file({fine, fine})).size() == 2);
  CHECK_THROWS_WITH(read_all(file({fine, early})), ContainsSubstring("t.bin: record 2: time: 4 ps: expected records in the order of their times: the one before has 5 ps"));
  CHECK_THROWS_WITH(read_all(file({late})), ContainsSubstring("t.bin: record 1: time: 18446744073709551615 ps: expected at most"));
  CHECK_THROWS_WITH(read_all(file({far})), ContainsSubstring("t.bin: record 1: address: 0xffffffffffffffff: expected an access that ends within 64 bits"));
  CHECK_THROWS_WITH(read_all(file({reserved})), ContainsSubstring("t.bin: record 1: bits 63:62 of its last word: 2: expected 0"));
  CHECK_THROWS_WITH(read_all(file({fine, fine}, 5)), ContainsSubstring("t.bin: record 2: ends after 19 bytes: expected 24"));
  CHECK_THROWS_WITH(read_all(file({})), ContainsSubstring("holds no record"));
}
