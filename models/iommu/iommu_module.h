// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// The IOMMU as a SystemC module: a RemappingUnit with sockets and time.
//
// Every upstream request enters by dma_in and leaves by mem_out with its address replaced, or by interrupt_out as a
// new 4-byte write when it was an interrupt, or is answered with TLM_ADDRESS_ERROR_RESPONSE (Unsupported Request).
// Protocol at the sockets: lib/sim/transaction.h; any other base-protocol partner works too, blocking ones included.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include <systemc>
#include <tlm>

#include "lib/sim/direct_socket.h"
#include "lib/sim/event_queue.h"
#include "lib/sim/transaction.h"
#include "lib/time.h"
#include "models/iommu/ats.h"
#include "models/iommu/cache_times.h"
#include "models/iommu/channel_module.h"
#include "models/iommu/flight_module.h"
#include "models/iommu/remapping_unit.h"
#include "models/iommu/walker_module.h"

namespace iovirt::iommu {

class Iommu : public sc_core::sc_module, private sim::Actor {
  using Payload = tlm::tlm_generic_payload;
  tlm::tlm_sync_enum dma_fw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum mem_bw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  tlm::tlm_sync_enum interrupt_bw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);

 public:
  using DmaSocket = sim::DirectTargetSocket<Iommu, &Iommu::dma_fw>;
  using RegisterSocket = tlm_utils::simple_target_socket<Iommu>;
  using InitiatorSocket = tlm::tlm_initiator_socket<>;
  using OptionalSocket = tlm_utils::simple_initiator_socket_optional<Iommu>;

  DmaSocket dma_in{"dma_in", *this};
  sim::DirectInitiatorSocket<Iommu, &Iommu::mem_bw> mem_out{"mem_out", *this};
  sim::DirectInitiatorSocket<Iommu, &Iommu::interrupt_bw> interrupt_out{"interrupt_out", *this};
  /// ATS and PRI messages to devices; unbound, nobody answers them.
  OptionalSocket device_out{"device_out"};
  /// The register window: addresses are offsets below 4096, 4 or 8 bytes.
  RegisterSocket regs{"regs"};

  /// Throws std::invalid_argument naming the key of a configuration that cannot be. `queue` and `pool` must outlive it.
  Iommu(sc_core::sc_module_name name, const Config& config, sim::EventQueue& queue, sim::TransactionPool& pool);

  const Config& config() const { return unit_.config(); }
  const Statistics& statistics() const { return unit_.statistics(); }
  /// visit(domain, DomainCounters) in order; nothing unless Config::count_by_domain.
  template <class Visit>
  void each_domain(Visit&& visit) const { unit_.translator().domains().each(visit); }
  /// visit(requester, RequesterCounters) in order, of those that have asked anything.
  template <class Visit>
  void each_requester(Visit&& visit) const { requesters_.each(visit); }
  /// Of one requester; zeros when it has asked nothing.
  RequesterCounters counters(std::uint16_t requester) const {
    const Requester* found = requesters_.find(requester);
    return found ? found->counters : RequesterCounters{};
  }
  /// Reset values and the present content of every register, for documentation and tests; not a way to write them.
  const RegisterBank& registers() const { return unit_.registers(); }

 private:
  enum What : std::uint32_t {
    arrive, looked_up, missed, remapped_at_once, walk_access, entry_read, walk_over, answered, execute, register_done, register_arrive,
    device_timeout
  };

  void fire(std::uint32_t what, std::uint64_t arg) override;

  // sockets
  tlm::tlm_sync_enum regs_fw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void regs_b(Payload& payload, sc_core::sc_time& delay);
  tlm::tlm_sync_enum device_bw(Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  template <class Channel>
  tlm::tlm_sync_enum downstream_bw(Channel& channel, Payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  bool enter(Payload& payload);
  void end_request(Payload& payload);
  void access_registers(Payload& payload);
  Flight& start(Flight::Kind kind, tlm::tlm_command command, std::uint64_t address, unsigned bytes);
  void answer(Flight& flight);
  [[gnu::noinline]] void own_answered(Flight& flight);
  [[gnu::noinline]] void remapping_entry_wanted(Flight& flight);
  [[gnu::noinline]] void registers_arrived(Payload& payload);

  // DMA requests and their order
  void accept(Payload& payload);
  void do_accept(Payload& payload);
  void decode(Flight& flight);
  void do_decode(Flight& flight);
  void settled(Flight& flight);
  void do_settle(Flight& flight);
  void pump(Requester& requester);
  void pump_reads(Requester& requester);
  Flight* next_ordered_read(Requester& requester);
  void forward(Flight& flight);
  void request_answered(Flight& flight);
  void finish(Flight& flight, bool completes_write);
  void completed(Requester& requester, bool write);
  void respond(Flight& flight, tlm::tlm_response_status status);
  [[gnu::noinline]] void block(Flight& flight, const Fault& fault);

  void use(Flight& flight, const Translation& translation);
  [[gnu::noinline]] bool begin_ats(Flight& flight);
  bool is_protected(const Flight& flight) const;
  [[gnu::noinline]] void answer_translation(Flight& flight);

  // ATS and PRI
  [[gnu::noinline]] void accept_message(Flight& flight);
  void accept_page_request(Flight& flight);
  [[gnu::noinline]] void dispatch_message(Flight& flight);
  void invalidation_completed(Flight& flight, std::uint64_t body);
  void page_requested(Flight& flight, std::uint64_t body);
  void page_request_done();
  void respond_to_pages(const PageGroupResponse& response);
  bool send_invalidation(const DeviceTlbInvalidation& invalidation);
  [[gnu::noinline]] void check_timeouts();
  void arm_timeout();
  void devices_done(DeviceTlbs::TagSet tags);
  void send_to_device(std::uint16_t device, sim::TlpKind kind, std::uint8_t tag, std::uint32_t pasid, std::uint64_t body);

  // walkers
  void look_up(Flight& flight);
  [[gnu::noinline]] bool search(Flight& flight);
  bool has_place() const;
  void found(Flight& flight);
  bool lookups_stall() const;
  void release_held() {
    if (!held_.empty()) release_some();
  }
  [[gnu::noinline]] void release_some();
  void want_walk(Flight& flight);
  [[gnu::noinline]] void want_next_pages(const Request& request, Requester& requester, std::uint64_t page_bytes);
  [[gnu::noinline]] void feed_prefetches();
  void feed_walkers() {
    if (feeding_) return;  // the loop that does it takes what its own consequences add
    if (!wanting_.empty() || !next_pages_.empty()) feed_some();
    release_held();
  }
  void feed_some();
  void give(const Request& request, Requester& requester, Flight* flight);
  void advance(Walker& walker, Step step);
  void end_walk(Walker& walker, Step step);
  [[gnu::noinline]] void begin_lookups() { cache_times_.begin(unit_.statistics()); }
  [[gnu::noinline]] Ps looked_up_for() { return cache_times_.spent(unit_.statistics()); }
  void access_entry(Walker& walker);
  void entry_answered(Flight& own);
  [[gnu::noinline]] void update_entry(Flight& own);
  bool retry(Flight& flight);

  // interrupts
  [[gnu::noinline]] void accept_interrupt(Flight& flight);
  void remapped(Flight& flight, InterruptRemapper::Action action);
  [[gnu::noinline]] void dispatch_interrupt(Flight& flight);
  void posted_read(Flight& own);
  void deliver(Flight& flight);
  void flush_events();

  // invalidation: one at a time
  void kick();
  void descriptor_answered(Flight& own);
  void descriptor_fetched(bool ok, const descriptor::Words& words);
  [[gnu::noinline]] void execute_invalidation();
  void begin_drain(const Drain& drain);
  [[gnu::noinline]] void end_invalidation();
  void start_wait(const InvalidationWait& wait);
  void settle_waits();
  void finish_wait(const InvalidationWait& wait, bool ends_descriptor);
  void wait_done(bool ends_descriptor, bool completes);

  sim::EventQueue& queue_;
  sim::TransactionPool& pool_;
  RemappingUnit unit_;
  const Ps lookup_, walk_step_, remap_, invalidation_, register_, device_timeout_;
  const bool reads_in_order_;  ///< more or less: Config::reads_passed
  const bool may_stall_;       ///< Config::walk_queue, hit_under_miss
  CacheTimes cache_times_;
  const bool timed_caches_;    ///< some cache's lookup takes time of its own

  RequestChannel<InitiatorSocket> mem_channel_, interrupt_channel_;
  RequestChannel<OptionalSocket> device_channel_;
  ResponseChannel<DmaSocket> dma_responses_;
  ResponseChannel<RegisterSocket> register_responses_;
  FlightPool flights_;
  RequesterTable requesters_;

  sim::Lane lookups_, walk_steps_;
  Walkers walkers_;
  FlightList wanting_;          ///< have missed, and wait for a walker
  FlightList held_;             ///< not looked up yet: lookups stall
  std::uint32_t looking_ = 0;   ///< lookups under way
  std::uint32_t misses_ = 0;    ///< requests that have missed and not been settled
  bool feeding_ = false, releasing_ = false, ending_ = false;
  struct NextPage {
    Request request;
    Requester* requester;
  };
  std::deque<NextPage> next_pages_;  ///< to walk for when a walker has nothing else to do

  enum class Work : std::uint8_t { none, descriptor, command } work_ = Work::none;
  RemappingUnit::Command command_ = RemappingUnit::Command::none;
  Descriptor descriptor_;
  std::array<std::uint8_t, 64> line_{};  ///< of the queue, descriptors not yet carried out among them
  std::uint64_t line_address_ = 0;
  unsigned line_bytes_ = 0;
  bool stalled_ = false;  ///< the descriptor in work has to wait for a device to complete others
  struct PendingWait {
    InvalidationWait wait;
    DeviceTlbs::TagSet tags;  ///< invalidations of devices before it, not completed yet
    bool fetched_only;        ///< without FN: the queue has gone on
  };
  std::vector<PendingWait> pending_waits_;
  std::array<Ps, DeviceTlbs::kTags> deadlines_{};
  bool timeout_armed_ = false;
  std::uint32_t page_requests_in_flight_ = 0;
  std::uint32_t draining_ = 0;  ///< requests that the invalidation in work waits for
};

}  // namespace iovirt::iommu
