// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A virtual function asks the physical one for its address through the mailbox, and then receives a frame for it.
#include <cstdio>

#include "examples/03_a_vf_and_its_mailbox/nic_machine.h"

using namespace iovirt;
using namespace iovirt::nic::igb;
using Bar = std::uint64_t;  // where a function's registers are

namespace {

/// What the PF's driver does when ICR.VMMB interrupts it: VF 0 wants to be reset, and gets its MAC as the answer.
void pf_answers(pcie::HostPort& host, Bar pf) {
  std::printf("PF: ICR %03llx, VFLRE %llx, MBVFICR %llx\n", static_cast<unsigned long long>(host.load(pf + ICR, 4)),
              static_cast<unsigned long long>(host.load(pf + VFLRE, 4)), static_cast<unsigned long long>(host.load(pf + MBVFICR, 4)));
  host.store(pf + VFLRE, 4, 1);
  host.store(pf + MBVFICR, 4, 1);
  if ((host.load(pf + VMBMEM(0), 4) & 0xffff) != mailbox::kVfReset) return;
  host.store(pf + RAL(1), 4, 0x0000'0002);  // 02:00:00:00:00:07 goes to pool 0
  host.store(pf + RAH(1), 4, 0x0700 | kRahValid | RahPools::of(1));
  host.store(pf + VFRE, 4, host.load(pf + VFRE, 4) | 1);
  host.store(pf + P2VMAILBOX(0), 4, kP2vPfu);  // the buffer is ours
  host.store(pf + VMBMEM(0), 4, mailbox::kVfReset | mailbox::kAck);
  host.store(pf + VMBMEM(0) + 4, 4, 0x0000'0002);
  host.store(pf + VMBMEM(0) + 8, 4, 0x0000'0700);
  host.store(pf + P2VMAILBOX(0), 4, kP2vSts);  // read it
}

}  // namespace

int sc_main(int, char*[]) {
  NicMachine machine("machine");
  pcie::HostPort& host = machine.host;
  machine.software = [&] {
    pcie::Enumerator enumerator(host, pcie::windows_of(machine.root.config()));
    pcie::FoundFunction nic;
    for (const auto& f : enumerator.scan())
      if (f.device == kPfDevice) nic = f;
    const pcie::FoundFunction virtual_nic = enumerator.enable_vfs(nic, 1).front();
    host.write(virtual_nic.bdf, pcie::spec::kCommand, 2, pcie::spec::kCommandBusMaster);
    std::printf("PF %04x, VF %04x\n", nic.bdf, virtual_nic.bdf);
    const Bar pf = nic.bar(0), vf = virtual_nic.bar(0);
    host.store(pf + MRQC, 4, kMrqcVmdq);
    host.store(pf + VT_CTL, 4, kVtCtlReplication | kVtCtlDisableDefault);
    host.store(pf + RCTL, 4, kRctlRxEn);
    host.store(pf + CTRL_EXT, 4, kCtrlExtPfRstd);  // VFs may go on

    host.store(vf + VTCTRL, 4, kVtctrlRst);
    std::printf("VF: V2PMAILBOX %02llx after its reset\n", static_cast<unsigned long long>(host.load(vf + V2PMAILBOX, 4)));
    host.store(vf + V2PMAILBOX, 4, kV2pVfu);
    host.store(vf + VF_VMBMEM, 4, mailbox::kVfReset);
    host.store(vf + V2PMAILBOX, 4, kV2pReq);
    pf_answers(host, pf);
    const auto flags = host.load(vf + V2PMAILBOX, 4), reply = host.load(vf + VF_VMBMEM, 4);
    std::printf("VF: V2PMAILBOX %02llx, reply %08llx, address %08llx %04llx\n", static_cast<unsigned long long>(flags),
                static_cast<unsigned long long>(reply), static_cast<unsigned long long>(host.load(vf + VF_VMBMEM + 4, 4)),
                static_cast<unsigned long long>(host.load(vf + VF_VMBMEM + 8, 4)));

    const Descriptor descriptor{0x20000, 0};  // one buffer, and a ring that gives it to the controller
    if (!machine.memory.ram().store(0x10000, descriptor)) return;
    host.store(vf + vf_rx_ring(0) + RDBAL, 4, 0x10000);
    host.store(vf + vf_rx_ring(0) + RDLEN, 4, 128);
    host.store(vf + vf_rx_ring(0) + SRRCTL, 4, SrrctlDescriptor::of(kSrrctlAdvanced));
    host.store(vf + vf_rx_ring(0) + RXDCTL, 4, kDctlEnable);
    host.store(vf + vf_rx_ring(0) + RDT, 4, 1);
    const Ps start = host.now();
    machine.nic.wire_in({{0x02, 0, 0, 0, 0, 0x07, 0x02, 0, 0, 0, 0, 0x99, 0x08, 0x00, 'h', 'e', 'l', 'l', 'o', 0}, 0});
    while ((machine.memory.ram().load<Descriptor>(0x10000)->high & rx_adv::kDd) == 0) host.sleep(kPsPerNs);
    std::printf("VF: \"%s\", DD %.0f ns after the first bit; it has received %llu\n",
                reinterpret_cast<const char*>(machine.memory.data() + 0x2000e), ps_to_ns(host.now() - start),
                static_cast<unsigned long long>(host.load(vf + VFGPRC, 4)));
  };
  sc_core::sc_start();
  return 0;
}
