// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "models/platform/world_module.h"

#include <algorithm>

namespace iovirt::platform {
namespace {

constexpr Ps kLead = kPsPerMs;         ///< from the last application's start to the first frame
constexpr std::size_t kFetchAhead = 8;
constexpr Ps kQuiet = 50 * kPsPerMs;   ///< nothing moved for so long, and nothing is due: what is missing is lost

}  // namespace

class World::Port final : public nic::WireSink {
 public:
  Port(World& world, nic::Nic& nic) : world_(world), nic_(nic) {}
  void frame_sent(Frame&& frame, Ps last_bit) override {
    world_.frame_sent(frame, last_bit);
    nic_.frames().give(std::move(frame.bytes));
  }
  void frame_dropped(PacketId packet, nic::Drop) override { world_.dropped(packet); }

 private:
  World& world_;
  nic::Nic& nic_;
};

World::World(sc_core::sc_module_name name, Machine& machine, const software::Traffic& traffic, unsigned vms,
             Progress& progress)
    : sc_module(name), machine_(machine), traffic_(traffic), vms_(vms), progress_(progress), sent_frames_(vms), sending_(vms) {
  for (std::uint32_t i = 0; i < traffic.count(); ++i) {
    const software::TrafficFrame& frame = traffic.frames()[i];
    if (frame.direction == Direction::rx)
      received_frames_.push_back(i);
    else
      sent_frames_[frame.vm].push_back(i);
  }
  for (auto& nic : machine_.nics) {
    ports_.push_back(std::make_unique<Port>(*this, *nic));
    nic->set_wire(*ports_.back());
  }
  sc_core::sc_spawn_options method;
  method.spawn_method();
  method.set_sensitivity(&finished_);
  method.dont_initialize();
  sc_core::sc_spawn(
      [this] {
        if (on_end_) on_end_();
        sc_core::sc_stop();
      },
      sc_core::sc_gen_unique_name("end"), &method);
}

World::~World() = default;

void World::ready() {
  if (++ready_ != vms_) return;
  // A driver has just reset its NIC: the link takes its time.
  start_ = machine_.queue.now() + kLead + ns_to_ps(machine_.config().nic.link_up_ns);
  machine_.queue.post(start_, *this, begin);
}

void World::fail(const std::string& why) {
  if (failure_.empty()) failure_ = why;
  machine_.queue.notify(finished_);
}

void World::fire(std::uint32_t what, std::uint64_t arg) {
  switch (what) {
    case begin:
      last_activity_ = start_;
      if (on_start_) on_start_();
      machine_.queue.post(start_ + kQuiet, *this, quiet);
      if (!traffic_.interactive() && !received_frames_.empty())
        machine_.queue.post(start_ + traffic_.frames()[received_frames_[0]].time, *this, inject);
      break;
    case inject: {
      if (traffic_.interactive()) {
        // `arg`: the request this frame answers.
        inject_frame(machine_.ledger[static_cast<PacketId>(arg)].frame + 1, static_cast<PacketId>(arg));
        break;
      }
      inject_frame(received_frames_[next_inject_++], 0);
      // The frames are many, and each is looked at once: those to come are fetched from the host's memory in time.
      if (next_inject_ + kFetchAhead < received_frames_.size())
        __builtin_prefetch(&traffic_.frames()[received_frames_[next_inject_ + kFetchAhead]]);
      if (next_inject_ < received_frames_.size())
        machine_.queue.post(std::max(machine_.queue.now(), start_ + traffic_.frames()[received_frames_[next_inject_]].time),
                            *this, inject);
      break;
    }
    case quiet: {
      Ps due = last_activity_;
      if (next_inject_ < received_frames_.size() && !traffic_.interactive())
        due = std::max(due, start_ + traffic_.frames()[received_frames_[next_inject_]].time);
      if (!traffic_.frames().empty() && !traffic_.interactive()) due = std::max(due, start_ + traffic_.frames().back().time);
      if (machine_.queue.now() >= due + kQuiet)
        finish();
      else
        machine_.queue.post(due + kQuiet, *this, quiet);
      break;
    }
  }
}

void World::inject_frame(std::uint32_t frame, PacketId answers) {
  const software::TrafficFrame& description = traffic_.frames()[frame];
  nic::Nic& nic = nic_of(description.vm);
  Frame out;
  out.bytes = nic.frames().take();
  traffic_.fill(frame, out.bytes);
  out.packet = machine_.ledger.open(machine_.queue.now(), Direction::rx, description.vm, frame);
  machine_.ledger[out.packet].answers = answers;
  nic.wire_in(std::move(out));
}

// Bytes on the wire are compared with what the application was given to send.
void World::frame_sent(const Frame& frame, Ps last_bit) {
  if (frame.packet == 0) return;
  PacketLedger::Packet& packet = machine_.ledger[frame.packet];
  if (packet.closed) return;
  machine_.ledger.close(frame.packet, packet.last);
  if (!traffic_.matches(packet.frame, frame.bytes)) ++corrupted_;
  ++transmitted_;
  delivered_bytes_ += frame.bytes.size();
  tx_.add(packet.stages);
  if (traffic_.interactive())
    machine_.queue.post(last_bit + traffic_.think(), *this, inject, frame.packet);
  else
    machine_.ledger.forget(frame.packet);
  finish_one();
}

void World::received(PacketId id, std::span<const std::uint8_t> bytes, Ps) {
  if (id == 0) return;
  PacketLedger::Packet& packet = machine_.ledger[id];
  if (packet.closed) return;
  machine_.ledger.close(id, packet.last);
  if (!traffic_.matches(packet.frame, bytes)) ++corrupted_;
  ++received_;
  delivered_bytes_ += bytes.size();
  rx_.add(packet.stages);
  if (packet.answers != 0) {
    StageTimes both = packet.stages;
    const StageTimes& request = machine_.ledger[packet.answers].stages;
    for (std::size_t i = 0; i < kStages; ++i) both.ps[i] += request.ps[i];
    round_trip_.add(both);
    machine_.ledger.forget(packet.answers);
  }
  if (!traffic_.interactive()) machine_.ledger.forget(id);
  finish_one();
}

bool World::reply_to(PacketId received, Ps now, PacketId& next, std::span<const std::uint8_t>& bytes) {
  if (!traffic_.interactive() || received == 0) return false;
  // The VM's next request follows the reply to the one before.
  const std::uint32_t frame = machine_.ledger[received].frame;
  const unsigned vm = machine_.ledger[received].vm;
  machine_.ledger.forget(received);
  const auto& mine = sent_frames_[vm];
  const auto at = std::upper_bound(mine.begin(), mine.end(), frame);
  if (at == mine.end()) return false;
  next = open_tx(vm, *at, now, bytes);
  return true;
}

bool World::scheduled_send(unsigned vm, std::size_t index, Ps& due) {
  if (index >= sent_frames_[vm].size()) return false;
  if (traffic_.interactive() && index > 0) return false;
  due = start_ + traffic_.frames()[sent_frames_[vm][index]].time;
  return true;
}

PacketId World::begin_send(unsigned vm, std::size_t index, Ps now, std::span<const std::uint8_t>& bytes) {
  return open_tx(vm, sent_frames_[vm][index], now, bytes);
}

PacketId World::open_tx(unsigned vm, std::uint32_t frame, Ps now, std::span<const std::uint8_t>& bytes) {
  traffic_.fill(frame, sending_[vm]);
  bytes = sending_[vm];
  last_activity_ = std::max(last_activity_, now);
  return machine_.ledger.open(now, Direction::tx, static_cast<std::uint16_t>(vm), frame);
}

void World::dropped(PacketId id) {
  if (id == 0 || machine_.ledger[id].closed) return;
  machine_.ledger.drop(id);
  machine_.ledger.forget(machine_.ledger[id].answers);
  machine_.ledger.forget(id);
  ++dropped_;
  finish_one();
}

void World::finish_one() {
  last_activity_ = std::max(last_activity_, machine_.queue.now());
  ++done_;
  if ((done_ & 0xff) == 0) progress_.update(done_, traffic_.count(), machine_.queue.now() - start_);
  if (done_ == traffic_.count()) finish();
}

void World::finish() {
  if (end_ != 0) return;
  end_ = machine_.queue.now();
  machine_.queue.notify(finished_);
}

void World::report(RunResult& run) const {
  run.simulated = end_ - start_;
  run.packets.offered = traffic_.count();
  run.packets.received = received_;
  run.packets.transmitted = transmitted_;
  run.packets.dropped = dropped_;
  run.packets.corrupted = corrupted_;
  run.delivered_bytes = delivered_bytes_;
  run.rx = rx_;
  run.tx = tx_;
  run.round_trip = round_trip_;
}

}  // namespace iovirt::platform
