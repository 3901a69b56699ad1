// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A network controller behind a root complex, a memory that keeps the packets' ledger, a wire, and a core with a script.
#pragma once

#include <optional>

#include "models/nic/nic_module.h"
#include "test/support/pcie_bench_module.h"

namespace iovirt::test {

/// 16 MiB of memory of constant latency; messages to 0xfee00000 are logged.
class LedgerMemory : public sc_core::sc_module, private sim::Actor {
 public:
  tlm_utils::simple_target_socket<LedgerMemory> in;
  LedgerMemory(sc_core::sc_module_name name, sim::EventQueue& queue) : sc_module(name), in("in"), bytes(16u << 20), queue_(queue) {
    in.register_nb_transport_fw(this, &LedgerMemory::request);
  }
  std::vector<std::uint8_t> bytes;
  struct Message {
    Ps at;
    std::uint32_t data;
    std::uint16_t requester;
    bool operator==(const Message&) const = default;
  };
  std::vector<Message> messages;
  std::function<void(const Message&)> on_message;
  std::vector<std::uint16_t> requesters;  ///< of everything else, each once, in order of appearance
  Ps latency = 80'000;

 private:
  tlm::tlm_sync_enum request(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
    queue_.post(queue_.now() + latency, *this, 0, reinterpret_cast<std::uintptr_t>(&payload));
    phase = tlm::END_REQ;
    return tlm::TLM_UPDATED;
  }
  void fire(std::uint32_t, std::uint64_t arg) override {
    auto& payload = *reinterpret_cast<tlm::tlm_generic_payload*>(static_cast<std::uintptr_t>(arg));
    auto& ext = sim::TransactionPool::extension(payload);
    const std::uint64_t address = payload.get_address();
    const std::size_t length = payload.get_data_length();
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    if (address >> 20 == 0xfee) {
      Message message{queue_.now(), 0, ext.requester};
      std::memcpy(&message.data, payload.get_data_ptr(), 4);
      messages.push_back(message);
      if (on_message) on_message(message);
    } else if (address + length > bytes.size()) {
      payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    } else if (payload.is_write()) {
      std::memcpy(bytes.data() + address, payload.get_data_ptr(), length);
      if (ext.ledger && ext.first) ext.ledger->place(address, ext.packet);
    } else {
      std::memcpy(payload.get_data_ptr(), bytes.data() + address, length);
      if (ext.ledger && ext.first && ext.packet == 0) ext.claim(ext.ledger->at(address));
    }
    ext.mark(Stage::memory, queue_.now());
    if (address >> 20 != 0xfee && std::find(requesters.begin(), requesters.end(), ext.requester) == requesters.end())
      requesters.push_back(ext.requester);
    tlm::tlm_phase phase = tlm::BEGIN_RESP;
    sc_core::sc_time delay = queue_.delay();
    in->nb_transport_bw(payload, phase, delay);
  }
  sim::EventQueue& queue_;
};

/// The far end of the wire: frames to feed in at line rate, frames that came out.
class WireEnd final : public nic::WireSink, private sim::Actor {
 public:
  WireEnd(sim::EventQueue& queue, nic::Nic& nic, PacketLedger& ledger) : queue_(queue), nic_(nic), ledger_(ledger) {}
  struct Arrival {
    std::vector<std::uint8_t> bytes;
    PacketId packet;
    Ps last_bit;
    bool operator==(const Arrival&) const = default;
  };
  std::vector<Arrival> sent;
  std::vector<std::pair<PacketId, nic::Drop>> drops;
  std::vector<PacketId> offered;
  bool keep = true;
  std::uint64_t count = 0;

  /// Lets `bytes` arrive `times` times back to back from now on.
  void stream(std::vector<std::uint8_t> bytes, unsigned times) {
    bytes_ = std::move(bytes);
    left_ = times;
    queue_.post(queue_.now(), *this, 0);
  }
  bool busy() const { return left_ != 0; }

 private:
  void fire(std::uint32_t, std::uint64_t) override {
    Frame frame{nic_.frames().take(), ledger_.open(queue_.now(), Direction::rx, 0, 0)};
    frame.bytes.assign(bytes_.begin(), bytes_.end());
    if (keep) offered.push_back(frame.packet);
    nic_.wire_in(std::move(frame));
    if (--left_ != 0) queue_.post(nic_.wire_free_at(), *this, 0);
  }
  void frame_sent(Frame&& frame, Ps last_bit) override {
    ++count;
    if (keep) sent.push_back({frame.bytes, frame.packet, last_bit});
    nic_.frames().give(std::move(frame.bytes));
  }
  void frame_dropped(PacketId packet, nic::Drop reason) override { drops.emplace_back(packet, reason); }
  sim::EventQueue& queue_;
  nic::Nic& nic_;
  PacketLedger& ledger_;
  std::vector<std::uint8_t> bytes_;
  unsigned left_ = 0;
};

struct NicModuleBench {
  static nic::Config nic_config() {
    nic::Config c;
    c.itr_unit_ns = 1000;
    c.rx_latency_ns = 500;
    c.tx_latency_ns = 300;
    c.register_latency_ns = 20;
    return c;
  }
  explicit NicModuleBench(const nic::Config& config = nic_config(), bool run_ahead = true, const std::string& prefix = "")
      : queue((prefix + "queue").c_str(), run_ahead),
        rc((prefix + "rc").c_str(), PcieBench::config(), queue, pool),
        device((prefix + "nic").c_str(), config, queue, pool, &ledger),
        memory((prefix + "memory").c_str(), queue),
        chipset((prefix + "chipset").c_str(), queue),
        core((prefix + "core").c_str(), queue, rc.config().ecam_base),
        wire(queue, device, ledger) {
    core.out.bind(rc.mmio_in);
    rc.dma_out.bind(memory.in);
    rc.chipset_out.bind(chipset.in);
    rc.down[0].bind(device.tlp_in);
    device.tlp_out.bind(rc.up[0]);
    device.set_wire(wire);
  }

  void run(std::function<void()> script) {
    core.script = std::move(script);
    sc_core::sc_start();
    if (core.failure) std::rethrow_exception(core.failure);
    if (!core.done) throw std::runtime_error("the script waits for something that never comes");
  }
  /// Enumerates, enables `vfs` virtual functions, makes everything a bus master. From the script.
  void plug(unsigned vfs = 0) {
    enumerator.emplace(core, pcie::windows_of(rc.config()));
    functions.clear();
    for (const auto& f : enumerator->scan())
      if (f.device == nic::igb::kPfDevice) functions.push_back(f);
    if (vfs != 0)
      for (const auto& vf : enumerator->enable_vfs(functions.at(0), vfs)) functions.push_back(vf);
    for (const auto& f : functions)
      core.write(f.bdf, pcie::spec::kCommand, 2, pcie::spec::kCommandMemoryEnable | pcie::spec::kCommandBusMaster);
  }
  std::uint32_t reg(unsigned function, std::uint32_t offset) {
    return static_cast<std::uint32_t>(core.load(functions.at(function).bar(0) + offset, 4));
  }
  void set(unsigned function, std::uint32_t offset, std::uint32_t value) {
    core.store(functions.at(function).bar(0) + offset, 4, value);
  }
  void set_msix(unsigned function, unsigned vector, std::uint32_t data) {
    const auto& f = functions.at(function);
    const std::uint64_t entry = f.bar(3) + 16 * vector;
    core.store(entry, 4, 0xfee0'0000);
    core.store(entry + 4, 4, 0);
    core.store(entry + 8, 4, data);
    core.store(entry + 12, 4, 0);
    const auto at = pcie::find_capability(core, f.bdf, pcie::spec::kCapMsix);
    core.write(f.bdf, static_cast<std::uint16_t>(at + pcie::spec::kMsixControl), 2, pcie::spec::kMsixEnable);
  }
  template <class Word>
  Word load(std::uint64_t address) const {
    Word word;
    std::memcpy(&word, memory.bytes.data() + address, sizeof word);
    return word;
  }
  template <class Word>
  void store(std::uint64_t address, Word word) {
    std::memcpy(memory.bytes.data() + address, &word, sizeof word);
  }
  /// A ring of `count` descriptors at `ring`, receive buffers of 2 KB from `buffers` on; all but one given to the device.
  void open_rx(unsigned function, std::uint32_t base, std::uint64_t ring, std::uint64_t buffers, std::uint32_t count,
               std::uint32_t control = 0) {
    using namespace nic::igb;
    for (std::uint32_t i = 0; i < count; ++i) store(ring + 16 * i, buffers + 2048 * i), store<std::uint64_t>(ring + 16 * i + 8, 0);
    set(function, base + RDBAL, static_cast<std::uint32_t>(ring));
    set(function, base + RDLEN, count * 16);
    set(function, base + SRRCTL, 2 | 1 << 25);
    set(function, base + RXDCTL, control | kDctlEnable);
    set(function, base + RDT, count - 1);
  }
  void open_tx(unsigned function, std::uint32_t base, std::uint64_t ring, std::uint32_t count, std::uint32_t control = 0) {
    using namespace nic::igb;
    set(function, base + TDBAL, static_cast<std::uint32_t>(ring));
    set(function, base + TDLEN, count * 16);
    set(function, base + TXDCTL, control | kDctlEnable);
  }
  /// Writes a frame into memory as software would, and its descriptor.
  PacketId put(std::uint64_t ring, std::uint32_t index, std::uint64_t buffer, const std::vector<std::uint8_t>& frame) {
    std::copy(frame.begin(), frame.end(), memory.bytes.begin() + static_cast<std::ptrdiff_t>(buffer));
    store(ring + 16 * index, buffer);
    store(ring + 16 * index + 8, nic::igb::tx::whole_frame(static_cast<std::uint32_t>(frame.size())));
    const PacketId packet = ledger.open(core.now(), Direction::tx, 0, 0);
    ledger.place(buffer, packet);
    return packet;
  }

  PacketLedger ledger;
  sim::TransactionPool pool;
  sim::EventQueue queue;
  pcie::RootComplex rc;
  nic::Nic device;
  LedgerMemory memory;
  TestChipset chipset;
  TestCore core;
  WireEnd wire;
  std::optional<pcie::Enumerator> enumerator;
  std::vector<pcie::FoundFunction> functions;  ///< the PF, then the VFs
};

}  // namespace iovirt::test
