// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/iommu_oracle.h"

#include <cstring>
#include <span>

namespace iovirt::test {
namespace {

using Word = std::uint64_t;

bool bit(Word word, unsigned n) { return (word >> n) & 1; }
Word bits(Word word, unsigned high, unsigned low) { return (word >> low) & ((2ull << (high - low)) - 1); }
bool any(Word word, unsigned high, unsigned low) { return high >= low && bits(word, high, low) != 0; }
Word page_of(Word word) { return word / 4096 * 4096; }
Word address_of(Word entry) { return bits(entry, 51, 12) * 4096; }

struct Naive {
  OracleMemory& memory;
  const iommu::Config& config;
  const OracleRequest& request;

  // what the PASID-table entry says
  bool user = true, snooped = false, tracked = false, extended = false, protect = false, no_execute = false, no_user_code = false;
  Word first_table = 0, second_table = 0;
  unsigned first_levels = 0, second_levels = 0;
  bool legacy = false;

  bool beyond_host(Word word) const { return config.host_address_bits < 64 && any(word, 63, config.host_address_bits); }
  static bool interrupt(Word address) { return address >= 0xfee0'0000 && address <= 0xfeef'ffff; }
  Word entry(Word at, unsigned access_fault) {
    Word word = 0;
    if (!memory.read(at, 1, &word)) throw OracleFault{access_fault};
    return word;
  }
  bool too_wide(Word address) const {
    for (unsigned n = 0; n < 64; ++n)
      if (bit(address, n) && (n >= config.guest_address_bits || n >= 12 + 9 * second_levels)) return true;
    return false;
  }
  bool width_exists(unsigned width) const {
    return (width == 1 && config.three_level) || (width == 2 && config.four_level) || (width == 3 && config.five_level);
  }
  unsigned widest() const { return config.five_level ? 3 : config.four_level ? 2 : 1; }

  // -- second stage ---------------------------------------------------------------------------------------------------
  enum Use { for_request, for_top_table, for_table, for_output };
  struct Second {
    Word address, entry_at, entry;
    bool readable, writable;
  };

  void touch_second(Word at, Word& word, Word wanted) {
    const Word missing = wanted & ~word;
    if (!tracked || missing == 0) return;
    if (!snooped) throw OracleFault{0x7c};
    if (!memory.set_bits(at, missing)) throw OracleFault{0x7d};
    word |= missing;
  }

  Second second(Word input, Use use, bool dirties = true) {
    if (use != for_request && too_wide(input)) throw OracleFault{0x74u};
    Word table = second_table;
    bool readable = true, writable = true;
    for (unsigned level = second_levels;; --level) {
      const unsigned low_bit = 12 + 9 * (level - 1);
      const Word at = table + bits(input, low_bit + 8, low_bit) * 8;
      Word word = entry(at, legacy ? (level == second_levels ? 0x3u : 0x7u) : level == second_levels ? 0x7bu : 0x78u);
      if (!bit(word, 0) && !bit(word, 1)) throw OracleFault{!legacy ? 0x79u : request.write ? 5u : 6u};
      const unsigned reserved = legacy ? 0xc : 0x7a;
      if (config.host_address_bits < 52 && any(word, 51, config.host_address_bits)) throw OracleFault{reserved};
      if (bit(word, 62)) throw OracleFault{reserved};
      bool leaf = level == 1;
      if (level > 1 && bit(word, 7)) {
        const bool exists = (level == 2 && config.pages_2m) || (level == 3 && config.pages_1g);
        if (!exists || any(word, low_bit - 1, 12)) throw OracleFault{reserved};
        leaf = true;
      }
      if (bit(word, 11) && !(leaf && config.snoop_control)) throw OracleFault{reserved};
      readable = readable && bit(word, 0);
      writable = writable && bit(word, 1);
      if (!legacy && !readable && !writable) throw OracleFault{0x79};
      if (!leaf) {
        touch_second(at, word, 1 << 8);
        table = address_of(word);
        continue;
      }
      const Word address = address_of(word) + bits(input, low_bit - 1, 0);
      if (use == for_top_table || use == for_table) {
        if (!readable || (tracked && !writable)) throw OracleFault{use == for_top_table ? 0x75u : 0x76u};
        touch_second(at, word, 1 << 8);
      } else {
        if (request.write && !writable) throw OracleFault{legacy ? 5u : 0x85u};
        const bool nothing_read = request.zero_length && config.zero_length_reads && writable;
        if (!request.write && !readable && !nothing_read) throw OracleFault{legacy ? 6u : 0x86u};
        if (interrupt(address)) throw OracleFault{legacy ? 0xeu : 0x87u};
        touch_second(at, word, request.write && dirties ? 1 << 8 | 1 << 9 : 1 << 8);
      }
      return {address, at, word, readable, writable};
    }
  }

  // -- first stage ----------------------------------------------------------------------------------------------------
  Word first(bool nested) {
    Word table = first_table;
    bool all_user = true, all_writable = true, all_executable = true;
    for (unsigned level = first_levels;; --level) {
      const unsigned low_bit = 12 + 9 * (level - 1);
      Word at = table + bits(request.address, low_bit + 8, low_bit) * 8;
      Second where{};
      if (nested) {
        where = second(at, level == first_levels ? for_top_table : for_table);
        at = where.address;
      }
      const Word word = entry(at, level == first_levels ? 0x73 : 0x70);
      if (!bit(word, 0)) throw OracleFault{0x71};
      if (config.host_address_bits < 52 && any(word, 51, config.host_address_bits)) throw OracleFault{0x72};
      bool leaf = level == 1;
      if (level > 1 && bit(word, 7)) {
        if (level > 3 || (level == 3 && !config.first_stage_1g) || any(word, low_bit - 1, 13)) throw OracleFault{0x72};
        leaf = true;
      }
      all_user = all_user && bit(word, 2);
      all_writable = all_writable && bit(word, 1);
      all_executable = all_executable && !(no_execute && bit(word, 63));
      Word wanted = 1 << 5 | (extended ? 1 << 10 : 0);
      Word address = 0;
      if (leaf) {
        if (user && !all_user) throw OracleFault{0x81};
        if (request.execute && !all_executable) throw OracleFault{0x82};
        if (request.execute && !user && no_user_code && all_user) throw OracleFault{0x82};
        if (request.write && !all_writable && (user || protect)) throw OracleFault{0x85};
        if (request.write && !nested) wanted |= 1 << 6;
        address = (address_of(word) >> low_bit << low_bit) + bits(request.address, low_bit - 1, 0);
        if (!nested && interrupt(address)) throw OracleFault{0x87};
      }
      const auto set = [&](Word missing) {
        if (missing == 0) return;
        if (!snooped) throw OracleFault{0x90};
        if (nested) {
          if (!where.writable) throw OracleFault{0x77};
          touch_second(where.entry_at, where.entry, 1 << 9);
        }
        if (!memory.set_bits(at, missing)) throw OracleFault{0x91};
      };
      set(wanted & ~word);
      if (leaf && nested) {
        // Dirty bits once it is certain that the page may be written: the first stage's, then the second's.
        static_cast<void>(second(address, for_output, false));
        if (request.write) set((1 << 6) & ~word);
        return second(address, for_output).address;
      }
      if (leaf) return address;
      table = address_of(word);
    }
  }

  // -- tables ---------------------------------------------------------------------------------------------------------
  Word legacy_mode(Word root) {
    legacy = true;
    if (request.pasid >= 0) throw OracleFault{0x31};
    Word words[2];
    if (!memory.read(root + request.source / 256 * 16, 2, words)) throw OracleFault{8};
    if (!bit(words[0], 0)) throw OracleFault{1};
    if (any(words[0], 11, 1) || beyond_host(words[0]) || words[1] != 0) throw OracleFault{0xa};
    if (!memory.read(page_of(words[0]) + request.source % 256 * 16, 2, words)) throw OracleFault{9};
    const Word low = words[0], high = words[1];
    if (!bit(low, 0)) throw OracleFault{2};
    const Word type = bits(low, 3, 2);
    const unsigned width = static_cast<unsigned>(bits(high, 2, 0));
    if (any(low, 11, 4) || bit(high, 7) || any(high, 63, 24)) throw OracleFault{0xb};
    if (type != 2 && beyond_host(page_of(low))) throw OracleFault{0xb};
    if (!width_exists(width)) throw OracleFault{3};
    if (type == 3 || (type == 1 && !config.device_tlbs)) throw OracleFault{3};
    if (type == 2) {
      if (!config.pass_through || width != widest()) throw OracleFault{3};
      if (beyond_host(request.address)) throw OracleFault{4};
      if (interrupt(request.address)) throw OracleFault{0xe};
      return request.address;
    }
    second_table = page_of(low);
    second_levels = width + 2;
    if (too_wide(request.address)) throw OracleFault{4};
    return second(request.address, for_request).address;
  }

  Word scalable_mode(Word root) {
    const unsigned device = request.source % 256;
    Word words[8];
    if (!memory.read(root + request.source / 256 * 16, 2, words)) throw OracleFault{0x38};
    const Word half = words[device / 128];
    if (!bit(half, 0)) throw OracleFault{0x39};
    if (any(half, 11, 1) || beyond_host(half)) throw OracleFault{0x3a};

    if (!memory.read(page_of(half) + device % 128 * 32, 4, words)) throw OracleFault{0x40};
    if (!bit(words[0], 0)) throw OracleFault{0x41};
    const bool devices = bit(words[0], 2), pasids = bit(words[0], 3), pages = bit(words[0], 4);
    const unsigned directory_bits = static_cast<unsigned>(bits(words[0], 11, 9)) + 7;
    const Word directory = page_of(words[0]);
    const Word rid_pasid = bits(words[1], 19, 0);
    const bool rid_privileged = bit(words[1], 20);
    if (any(words[0], 8, 5) || beyond_host(words[0]) || any(words[1], 63, 21) || words[2] != 0 || words[3] != 0) throw OracleFault{0x42};
    if ((devices && !config.device_tlbs) || (pasids && config.pasid_bits == 0) || (pages && !config.page_requests) ||
        (rid_privileged && !config.supervisor_requests))
      throw OracleFault{0x42};
    if (pages && !devices) throw OracleFault{0x43};
    if (rid_pasid / 64 >= 1ull << directory_bits) throw OracleFault{0x43};
    Word pasid = rid_pasid;
    bool execute = false;
    user = !rid_privileged;
    if (request.pasid >= 0) {
      if (!pasids) throw OracleFault{0x45};
      pasid = static_cast<Word>(request.pasid);
      if (pasid / 64 >= 1ull << directory_bits) throw OracleFault{0x46};
      if (pasid == rid_pasid) throw OracleFault{0x48};
      if (pasid >= 1ull << config.pasid_bits) throw OracleFault{0x89};
      user = !request.privileged;
      execute = request.execute;
    }

    if (!memory.read(directory + pasid / 64 * 8, 1, words)) throw OracleFault{0x50};
    if (!bit(words[0], 0)) throw OracleFault{0x51};
    if (any(words[0], 11, 2) || beyond_host(words[0])) throw OracleFault{0x52};
    if (!memory.read(page_of(words[0]) + pasid % 64 * 64, 8, words)) throw OracleFault{0x58};
    if (!bit(words[0], 0)) throw OracleFault{0x59};
    const Word type = bits(words[0], 8, 6);
    const unsigned width = static_cast<unsigned>(bits(words[0], 4, 2)), mode = static_cast<unsigned>(bits(words[2], 3, 2));
    const bool has_first = type == 1 || type == 3, has_second = type == 2 || type == 3;
    if (bit(words[0], 5) || any(words[0], 11, 10) || any(words[1], 22, 16) || any(words[1], 63, 25) || any(words[2], 11, 8))
      throw OracleFault{0x5a};
    for (unsigned i = 3; i < 8; ++i)
      if (words[i] != 0) throw OracleFault{0x5a};
    if ((bit(words[0], 9) && !config.second_stage_dirty) || (bit(words[1], 23) && !config.page_walk_snoop) ||
        (bit(words[1], 24) && !config.snoop_control) || (bit(words[2], 0) && !config.supervisor_requests) ||
        (bit(words[2], 1) && !config.execute_requests) ||
        (bit(words[2], 7) && !config.extended_accessed))
      throw OracleFault{0x5a};
    if (!config.second_stage && (any(words[0], 63, 12) || any(words[0], 4, 2) || bit(words[0], 9))) throw OracleFault{0x5a};
    if (!config.first_stage && (any(words[2], 63, 12) || any(words[2], 4, 2))) throw OracleFault{0x5a};
    if (beyond_host(words[0]) || beyond_host(words[2])) throw OracleFault{0x5a};
    const bool exists = (type == 1 && config.first_stage) || (type == 2 && config.second_stage) ||
                        (type == 3 && config.nested_translation) || (type == 4 && config.pass_through);
    if (!exists || (has_second && !width_exists(width))) throw OracleFault{0x5b};
    if (has_first && mode != 0 && (mode != 1 || !config.first_stage_five_level)) throw OracleFault{0x5b};

    second_table = page_of(words[0]);
    second_levels = width + 2;
    first_table = page_of(words[2]);
    first_levels = mode + 4;
    if (type == 3 && too_wide(first_table)) throw OracleFault{0x5b};
    tracked = bit(words[0], 9);
    snooped = bit(words[1], 23);
    protect = bit(words[2], 4);
    no_execute = bit(words[2], 5) && config.execute_requests;
    no_user_code = bit(words[2], 6) && config.execute_requests;
    extended = bit(words[2], 7);

    if (execute && !bit(words[2], 1)) throw OracleFault{0x5c};
    if (!user && !bit(words[2], 0)) throw OracleFault{0x5d};
    if (type == 4) {
      if (interrupt(request.address)) throw OracleFault{0x87};
      if (beyond_host(request.address)) throw OracleFault{0x83};
      return request.address;
    }
    if (type == 2) {
      if (too_wide(request.address)) throw OracleFault{0x84};
      return second(request.address, for_request).address;
    }
    const unsigned sign = 12 + 9 * first_levels - 1;
    const Word upper = request.address >> sign;
    if (upper != 0 && upper != ~0ull >> sign) throw OracleFault{0x80};
    return first(type == 3);
  }
};

}  // namespace

bool PlainOracleMemory::read(std::uint64_t address, unsigned count, std::uint64_t* words) {
  std::uint8_t raw[64];
  if (!memory_.read(address, std::span(raw, 8 * count))) return false;
  std::memcpy(words, raw, 8 * count);
  return true;
}

bool PlainOracleMemory::set_bits(std::uint64_t address, std::uint64_t wanted) {
  const auto before = memory_.load<std::uint64_t>(address);
  return before && memory_.store(address, *before | wanted);
}

OracleAnswer translate_naively(OracleMemory& memory, const iommu::Config& config, std::uint64_t rtaddr, const OracleRequest& request) {
  // Execution is asked for with a PASID only.
  OracleRequest effective = request;
  if (request.pasid < 0) effective.execute = effective.privileged = false;
  Naive naive{memory, config, effective};
  try {
    const unsigned mode = static_cast<unsigned>(bits(rtaddr, 11, 10));
    if (mode == 0) return naive.legacy_mode(page_of(rtaddr));
    if (mode == 1 && config.scalable_mode) return naive.scalable_mode(page_of(rtaddr));
    return OracleFault{mode == 3 && config.abort_dma ? 0x33u : 0x30u};
  } catch (const OracleFault& fault) {
    return fault;
  }
}

OracleAnswer translate_naively(MemoryPort& memory, const iommu::Config& config, std::uint64_t rtaddr, const OracleRequest& request) {
  PlainOracleMemory plain(memory);
  return translate_naively(plain, config, rtaddr, request);
}

}  // namespace iovirt::test
