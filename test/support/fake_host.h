// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The host's kernel on one FakeCpu, without SystemC: for tests of what its own code writes where.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "models/software/host/host_kernel.h"
#include "test/support/fake_kernel.h"

namespace iovirt::test {

/// FakeCpu as the core of a host that runs no VM.
class FakeVmxCpu final : public cpu::VmxCpu {
 public:
  FakeCpu core;

  std::uint64_t load(std::uint64_t address, unsigned bytes) override { return core.load(address, bytes); }
  void store(std::uint64_t address, unsigned bytes, std::uint64_t value) override { core.store(address, bytes, value); }
  void read(std::uint64_t address, std::span<std::uint8_t> bytes) override { core.read(address, bytes); }
  void write(std::uint64_t address, std::span<const std::uint8_t> bytes) override { core.write(address, bytes); }
  void copy(std::uint64_t to, std::uint64_t from, std::size_t bytes) override { core.copy(to, from, bytes); }
  std::uint32_t in(std::uint16_t port, unsigned bytes) override { return core.in(port, bytes); }
  void out(std::uint16_t port, unsigned bytes, std::uint32_t value) override { core.out(port, bytes, value); }
  std::uint64_t rdmsr(std::uint32_t index) override { return core.rdmsr(index); }
  void wrmsr(std::uint32_t index, std::uint64_t value) override { core.wrmsr(index, value); }
  cpu::CpuidResult cpuid(std::uint32_t leaf, std::uint32_t subleaf) override { return core.cpuid(leaf, subleaf); }
  void hlt() override { core.hlt(); }
  void pause() override { core.pause(); }
  void fence() override { core.fence(); }
  std::uint64_t vmcall(std::uint64_t number, std::uint64_t argument) override { return core.vmcall(number, argument); }
  void compute(std::uint64_t cycles) override { core.compute(cycles); }
  void cli() override { core.cli(); }
  void sti() override { core.sti(); }
  bool interrupts_enabled() const override { return core.interrupts_enabled(); }
  void lidt(cpu::Idt* table) override { core.lidt(table); }
  Ps now() const override { return core.now(); }
  PacketId packet_at(std::uint64_t address) override { return core.packet_at(address); }
  void place_packet(std::uint64_t address, PacketId packet) override { core.place_packet(address, packet); }
  void charge(PacketId packet) override { core.charge(packet); }

  unsigned index() const override { return 0; }
  void vmptrld(cpu::GuestState&) override {}
  std::uint64_t vmread(std::uint32_t) override { return 0; }
  void vmwrite(std::uint32_t, std::uint64_t) override {}
  void run_guest(cpu::GuestState&, const std::function<void()>&) override {}
  bool in_guest() const override { return false; }
  void invept() override {}
  Activity activity() const override { return activity_; }
  void set_activity(Activity activity) override { activity_ = activity; }
  void synchronise() override {}
  void set_tsc_deadline(Ps) override {}

 private:
  Activity activity_ = Activity::host_kernel;
};

/// One core, whose threads never run: the test is the thread.
class FakeScheduler final : public software::Scheduler {
 public:
  FakeVmxCpu core;

  software::HostThread& spawn(const std::string& name, unsigned, Activity, std::function<void()>) override {
    threads_.push_back(std::make_unique<Thread>(name));
    return *threads_.back();
  }
  cpu::VmxCpu& current_cpu() override { return core; }
  cpu::VmxCpu& cpu(unsigned) override { return core; }
  unsigned cores() const override { return 1; }
  software::HostThread& current() override { return *threads_.front(); }
  void block() override {}
  void wake(software::HostThread&) override {}
  bool preemption_point() override { return false; }
  void tick() override {}
  /// The one timer there is at a time; the test calls it.
  std::function<void()> timer;
  TimerId start_timer(Ps, std::function<void()> expire) override {
    timer = std::move(expire);
    return 1;
  }
  void cancel_timer(TimerId) override { timer = nullptr; }
  void run_timers() override {}

 private:
  struct Thread final : software::HostThread {
    explicit Thread(std::string text) : name_(std::move(text)) {}
    const std::string& name() const override { return name_; }
    unsigned core() const override { return 0; }
    const std::string name_;
  };
  std::vector<std::unique_ptr<Thread>> threads_;
};

/// RAM from 0 to 16 MB, of which the kernel hands out what lies above 1 MB.
struct FakeHost {
  FakeCpu& cpu() { return scheduler.core.core; }

  software::Costs costs;  ///< all zero unless set
  FakeScheduler scheduler;
  software::HostKernel kernel{costs, scheduler, 1 << 20, 16 << 20, 0};
};

}  // namespace iovirt::test
