// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The IOMMU between an initiator and a memory that know nothing of iovirt: plain TLM-2.0, blocking transport.

#include <cstdio>
#include <cstring>
#include "models/iommu/iommu_module.h"
#include "models/iommu/registers_spec.h"

using namespace sc_core;
namespace reg = iovirt::iommu::reg;

struct YourMemory : sc_module {
  tlm_utils::simple_target_socket<YourMemory> in{"in"}, interrupts{"interrupts"};
  unsigned char bytes[0x40000] = {};
  explicit YourMemory(sc_module_name name) : sc_module(name) {
    in.register_b_transport(this, &YourMemory::access);
    interrupts.register_b_transport(this, &YourMemory::interrupt);
  }
  void access(tlm::tlm_generic_payload& p, sc_time& delay) {
    if (p.get_address() + p.get_data_length() > sizeof bytes) return p.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    if (p.is_read()) std::memcpy(p.get_data_ptr(), bytes + p.get_address(), p.get_data_length());
    if (p.is_write()) std::memcpy(bytes + p.get_address(), p.get_data_ptr(), p.get_data_length());
    delay += sc_time(80, SC_NS);
    p.set_response_status(tlm::TLM_OK_RESPONSE);
  }
  void interrupt(tlm::tlm_generic_payload& p, sc_time&) { p.set_response_status(tlm::TLM_OK_RESPONSE); }
};

struct YourInitiator : sc_module {
  tlm_utils::simple_initiator_socket<YourInitiator> dma{"dma"}, registers{"registers"};
  SC_HAS_PROCESS(YourInitiator);
  explicit YourInitiator(sc_module_name name) : sc_module(name) { SC_THREAD(run); }
  void write(tlm::tlm_initiator_socket<>& to, std::uint64_t address, std::uint64_t value) {
    tlm::tlm_generic_payload p;
    iovirt::sim::RequesterExtension who;  // all that is not plain TLM-2.0: who asks
    who.requester = 0x0100;               // 01:00.0
    p.set_extension(&who);
    p.set_command(tlm::TLM_WRITE_COMMAND);
    p.set_address(address);
    p.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
    p.set_data_length(8);
    p.set_streaming_width(8);
    sc_time delay = SC_ZERO_TIME, start = sc_time_stamp();
    to->b_transport(p, delay);
    wait(delay);
    p.clear_extension(&who);
    if (&to == &dma)
      std::printf("write 0x%llx: %s after %s\n", static_cast<unsigned long long>(address), p.get_response_string().c_str(),
                  (sc_time_stamp() - start).to_string().c_str());
  }
  void run() {
    write(registers, reg::kRTADDR, 0x1000);
    write(registers, reg::kGCMD, reg::gcmd::kSRTP);  // 8 bytes: GCMD, and GSTS, which ignores them
    write(registers, reg::kGCMD, reg::gcmd::kTE);
    write(dma, 0x7010, 1);  // misses: root, context, three levels
    write(dma, 0x7018, 2);  // hits
    write(dma, 0x9000, 3);  // not mapped
  }
};

int sc_main(int, char*[]) {
  iovirt::sim::EventQueue queue("queue");
  iovirt::sim::TransactionPool pool;
  const iovirt::iommu::Config config{.lookup_ns = 5};
  iovirt::iommu::Iommu iommu("iommu", config, queue, pool);
  YourMemory memory("memory");
  YourInitiator initiator("initiator");
  initiator.dma.bind(iommu.dma_in);
  initiator.registers.bind(iommu.regs);
  iommu.mem_out.bind(memory.in);
  iommu.interrupt_out.bind(memory.interrupts);
  const std::uint64_t tables[][2] = {{0x1010, 0x2001}, {0x2000, 0x3001}, {0x2008, 0x101}, {0x3000, 0x4003}, {0x4000, 0x5003}, {0x5038, 0x20003}};
  for (const auto& [address, word] : tables) std::memcpy(memory.bytes + address, &word, 8);
  sc_start();
  std::printf("memory at 0x20010: %d %d; walks: %d\n", memory.bytes[0x20010], memory.bytes[0x20018], int(iommu.statistics().walks));
  return 0;
}
