// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "lib/sim/transaction.h"

#include "test/support/catch.h"

using namespace iovirt;
using sim::RequesterExtension;
using sim::TransactionPool;

TEST_CASE("a payload from the pool is ready to use, whatever its last user left in it") {
  TransactionPool pool;
  auto& first = pool.acquire(tlm::TLM_WRITE_COMMAND, 0x1000, 64);
  TransactionPool::extension(first).requester = 0x100;
  TransactionPool::extension(first).tag = 77;
  first.set_response_status(tlm::TLM_OK_RESPONSE);
  unsigned char enable = 0xff;
  first.set_byte_enable_ptr(&enable);
  first.release();
  auto& again = pool.acquire(tlm::TLM_READ_COMMAND, 0x2000, 4096);
  REQUIRE(&again == &first);
  REQUIRE(again.get_address() == 0x2000);
  REQUIRE(again.get_data_length() == 4096);
  REQUIRE(again.is_read());
  REQUIRE(again.get_byte_enable_ptr() == nullptr);
  REQUIRE(again.is_response_error());
  REQUIRE(again.get_ref_count() == 1);
  REQUIRE(TransactionPool::extension(again).requester == 0);
  REQUIRE(TransactionPool::extension(again).tag == 0);
  REQUIRE(TransactionPool::extension(again).pasid == sim::kNoPasid);
  again.get_data_ptr()[4095] = 1;
  again.release();
}

TEST_CASE("payloads in use are different ones and come back only when the last holder lets go") {
  TransactionPool pool;
  auto& a = pool.acquire(tlm::TLM_READ_COMMAND, 0, 4);
  auto& b = pool.acquire(tlm::TLM_READ_COMMAND, 0, 4);
  REQUIRE(&a != &b);
  REQUIRE(a.get_data_ptr() != b.get_data_ptr());
  a.acquire();
  a.release();
  auto& c = pool.acquire(tlm::TLM_READ_COMMAND, 0, 4);
  REQUIRE(&c != &a);
  a.release();
  REQUIRE(&pool.acquire(tlm::TLM_READ_COMMAND, 0, 4) == &a);
}

TEST_CASE("only the transaction with the packet's last byte moves its clock") {
  PacketLedger ledger;
  const PacketId packet = ledger.open(0, Direction::rx, 0, 0);
  RequesterExtension ext;
  ext.mark(Stage::pcie, 50);  // no ledger: nothing
  ext.ledger = &ledger;
  ext.packet = packet;
  ext.first = true;
  ext.mark(Stage::pcie, 100);
  REQUIRE(ledger[packet].last == 0);
  ext.last = true;
  ext.mark(Stage::pcie, 100);
  REQUIRE(ledger[packet].stages[Stage::pcie] == 100);
}

TEST_CASE("a read that learns its packet late is charged along the way it came") {
  PacketLedger ledger;
  const PacketId packet = ledger.open(10, Direction::tx, 0, 0);
  RequesterExtension ext;
  ext.ledger = &ledger;
  ext.first = ext.last = true;
  ext.mark(Stage::nic, 100);
  ext.mark(Stage::pcie, 150);
  ext.mark(Stage::iommu, 170);
  ext.claim(packet);
  ext.mark(Stage::memory, 250);
  const auto& stages = ledger[packet].stages;
  REQUIRE(stages[Stage::nic] == 90);
  REQUIRE(stages[Stage::pcie] == 50);
  REQUIRE(stages[Stage::iommu] == 20);
  REQUIRE(stages[Stage::memory] == 80);
}
