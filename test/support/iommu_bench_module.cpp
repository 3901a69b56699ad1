// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/iommu_bench_module.h"

#include <cstring>
#include <stdexcept>

namespace iovirt::test {

TimedMemory::TimedMemory(sc_core::sc_module_name name, SparseMemory& data, sim::EventQueue& queue)
    : sc_module(name), data_(data), queue_(queue) {
  in.register_nb_transport_fw(this, &TimedMemory::nb);
  in.register_transport_dbg(this, &TimedMemory::debug);
}

bool TimedMemory::access(tlm::tlm_generic_payload& payload) {
  const std::size_t bytes = payload.get_data_length();
  if (payload.is_read()) return data_.read(payload.get_address(), {payload.get_data_ptr(), bytes});
  return data_.write(payload.get_address(), {payload.get_data_ptr(), bytes});
}

tlm::tlm_sync_enum TimedMemory::nb(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  const auto* extension = payload.get_extension<sim::RequesterExtension>();
  accesses.push_back({queue_.now(), payload.is_write(), payload.get_address(), payload.get_data_length(),
                      extension && extension->exclusive});
  queue_.post(queue_.now() + (payload.is_write() ? write_latency : read_latency), *this, 0,
              reinterpret_cast<std::uintptr_t>(&payload));
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

void TimedMemory::fire(std::uint32_t, std::uint64_t arg) {
  auto& payload = *reinterpret_cast<tlm::tlm_generic_payload*>(static_cast<std::uintptr_t>(arg));
  payload.set_response_status(access(payload) ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  tlm::tlm_phase phase = tlm::BEGIN_RESP;
  sc_core::sc_time delay = queue_.delay();
  in->nb_transport_bw(payload, phase, delay);
}

unsigned TimedMemory::debug(tlm::tlm_generic_payload& payload) {
  return offers_debug && access(payload) ? payload.get_data_length() : 0;
}

// -- ScriptedIommu -------------------------------------------------------------------------------------------------------

ScriptedIommu::ScriptedIommu(sc_core::sc_module_name name, const iommu::Config& config, std::function<void()> script)
    : sc_module(name), iommu("iommu", config, queue, pool), script_(std::move(script)) {
  registers.bind(iommu.regs);
  iommu.mem_out.bind(memory.in);
  iommu.interrupt_out.bind(interrupts);
  interrupts.register_nb_transport_fw(this, &ScriptedIommu::interrupted);
  SC_THREAD(script_thread);
}

void ScriptedIommu::script_thread() {
  try {
    script_();
  } catch (...) {
    failure_ = std::current_exception();
  }
  sc_core::sc_stop();
}

void ScriptedIommu::run() {
  sc_core::sc_start();
  if (failure_) std::rethrow_exception(failure_);
}

void ScriptedIommu::write(std::uint32_t offset, std::uint64_t value, unsigned bytes) {
  auto& payload = pool.acquire(tlm::TLM_WRITE_COMMAND, offset, bytes);
  std::memcpy(payload.get_data_ptr(), &value, bytes);
  sc_core::sc_time delay;
  registers->b_transport(payload, delay);
  sc_core::wait(delay);
  payload.release();
}

std::uint64_t ScriptedIommu::read(std::uint32_t offset, unsigned bytes) {
  auto& payload = pool.acquire(tlm::TLM_READ_COMMAND, offset, bytes);
  sc_core::sc_time delay;
  registers->b_transport(payload, delay);
  sc_core::wait(delay);
  std::uint64_t value = 0;
  std::memcpy(&value, payload.get_data_ptr(), bytes);
  payload.release();
  return value;
}

void ScriptedIommu::submit(const DescriptorWords& words) {
  const unsigned bytes = iommu::reg::iqa::DW::get(iommu.registers().at(iommu::reg::kIQA)) ? 32 : 16;
  const std::uint64_t tail = read(iommu::reg::kIQT, 8);
  for (unsigned i = 0; i < bytes / 8; ++i) tables.set_word(tables.queue() + tail + 8 * i, i == 0 ? words.low : i == 1 ? words.high : 0);
  write(iommu::reg::kIQT, (tail + bytes) & 0xfff, 8);
}

tlm::tlm_sync_enum ScriptedIommu::interrupted(tlm::tlm_generic_payload& payload, tlm::tlm_phase&, sc_core::sc_time&) {
  Message message{queue.now(), payload.get_address(), 0, 0, sim::TlpKind::memory};
  std::memcpy(&message.data, payload.get_data_ptr(), 4);
  message.requester = sim::TransactionPool::extension(payload).requester;
  message.kind = sim::TransactionPool::extension(payload).kind;
  messages.push_back(message);
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  return tlm::TLM_COMPLETED;
}

// -- IommuBench ----------------------------------------------------------------------------------------------------------

IommuBench::IommuBench(sc_core::sc_module_name name, const iommu::Config& config, std::function<void(IommuBench&)> script)
    : ScriptedIommu(name, config, [this, script = std::move(script)] { script(*this); }) {
  dma.bind(iommu.dma_in);
  dma.register_nb_transport_bw(this, &IommuBench::answered);
}

void IommuBench::enable(bool extended) {
  enable_iommu([this](auto o, auto v, auto b) { write(o, v, b); }, tables, extended);
}

std::uint64_t IommuBench::add_device(std::uint16_t source, std::uint16_t domain) {
  const std::uint64_t top = tables.new_page();
  tables.set_context(source, {.domain = domain, .levels = 4, .table = top});
  return top;
}

tlm::tlm_generic_payload& IommuBench::make(std::uint16_t source, bool is_write, std::uint64_t address, unsigned bytes) {
  auto& payload = pool.acquire(is_write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, address, bytes);
  std::memset(payload.get_data_ptr(), 0, bytes);
  sim::TransactionPool::extension(payload).requester = source;
  return payload;
}

std::size_t IommuBench::send(std::uint16_t source, bool is_write, std::uint64_t address, unsigned bytes, std::uint32_t value) {
  auto& payload = make(source, is_write, address, bytes);
  if (is_write) std::memcpy(payload.get_data_ptr(), &value, bytes < 4 ? bytes : 4);
  return queue_up(payload);
}

std::size_t IommuBench::send_zero_length_read(std::uint16_t source, std::uint64_t address) {
  static unsigned char none[4] = {};
  auto& payload = make(source, false, address, 4);
  payload.set_byte_enable_ptr(none);
  payload.set_byte_enable_length(4);
  return queue_up(payload);
}

std::size_t IommuBench::queue_up(tlm::tlm_generic_payload& payload) {
  sim::TransactionPool::extension(payload).tag = requests.size();
  requests.push_back({});
  requests.back().sent = queue.now();
  requests.back().address = payload.get_address();
  backlog_.push_back(&payload);
  pump();
  return requests.size() - 1;
}

void IommuBench::pump() {
  while (!unended_ && !backlog_.empty()) {
    tlm::tlm_generic_payload& payload = *backlog_.front();
    backlog_.pop_front();
    Request& request = requests[sim::TransactionPool::extension(payload).tag];
    unended_ = &payload;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    sc_core::sc_time delay = queue.delay();
    if (dma->nb_transport_fw(payload, phase, delay) == tlm::TLM_ACCEPTED) return;
    if (phase != tlm::END_REQ) throw std::logic_error("the request was not accepted");
    unended_ = nullptr;
    request.accepted = queue.now();
  }
}

tlm::tlm_sync_enum IommuBench::answered(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time&) {
  Request& request = requests[sim::TransactionPool::extension(payload).tag];
  if (phase == tlm::END_REQ) {
    if (unended_ != &payload) throw std::logic_error("another request was accepted");
    unended_ = nullptr;
    request.accepted = queue.now();
    pump();
    return tlm::TLM_ACCEPTED;
  }
  request.answered = queue.now();
  request.status = payload.get_response_status();
  if (payload.get_address() != request.address) request.status = tlm::TLM_GENERIC_ERROR_RESPONSE;
  std::memcpy(&request.data, payload.get_data_ptr(), 4);
  payload.release();
  return tlm::TLM_COMPLETED;
}

std::vector<TimedMemory::Access> IommuBench::data_accesses() const {
  std::vector<TimedMemory::Access> result;
  for (const auto& access : memory.accesses)
    if (access.address < 0x10'0000 || access.address >= 0x1000'0000) result.push_back(access);
  return result;
}

}  // namespace iovirt::test
