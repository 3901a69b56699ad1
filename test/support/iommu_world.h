// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

// A small random world of tables that software keeps editing, for property tests: it knows which invalidation each edit
// needs, and which values of each structure a request may legally still see.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <variant>
#include <vector>

#include "lib/memory_port.h"
#include "models/iommu/translator.h"
#include "test/support/iommu_oracle.h"

namespace iovirt::test {

/// A few megabytes that answer fast; nothing elsewhere.
class FlatMemory : public MemoryPort {
 public:
  static constexpr std::uint64_t kBase = 0x10'0000;
  FlatMemory() : bytes_(4 << 20) {}
  bool read(std::uint64_t address, std::span<std::uint8_t> bytes) override;
  bool write(std::uint64_t address, std::span<const std::uint8_t> bytes) override;

 private:
  bool holds(std::uint64_t address, std::size_t count) const {
    return address >= kBase && address - kBase <= bytes_.size() && count <= bytes_.size() - (address - kBase);
  }
  std::vector<std::uint8_t> bytes_;
};

using AnyInvalidation = std::variant<iommu::ContextInvalidation, iommu::IotlbInvalidation, iommu::PasidCacheInvalidation,
                                     iommu::PasidIotlbInvalidation>;

class RandomWorld {
 public:
  struct Options {
    bool scalable = false;
    /// Bits and rights whose effect depends on what hardware has set before: walks without snoop, read-only tables.
    bool history = true;
  };
  RandomWorld(unsigned seed, Options options);

  const iommu::Config& config() const { return config_; }
  std::uint64_t rtaddr() const { return root_ | (options_.scalable ? 0x400u : 0u); }
  FlatMemory& memory() { return memory_; }
  std::mt19937_64& random() { return random_; }
  bool chance(unsigned percent) { return random_() % 100 < percent; }
  OracleRequest request();

  /// Software changes one structure. It is stale until `clean`.
  void edit();
  /// The structure at this address; false when it is none that software edits.
  bool edit_at(std::uint64_t at);
  std::size_t stale() const { return stale_.size(); }
  /// Invalidations that suffice for one of the edits; once they are done, `clean`.
  std::vector<AnyInvalidation> sufficient(std::size_t which);
  void clean(std::size_t which);
  /// The same for all of them at once.
  static std::vector<AnyInvalidation> everything();
  void clean_all();
  /// One that has nothing to do with anything.
  AnyInvalidation noise();

  std::uint64_t now() const { return now_; }
  /// True when some legal order of reads, edits and invalidations gives this answer to a request that began at `begin`.
  bool legal(const OracleRequest& request, std::uint64_t begin, const OracleAnswer& answer);
  /// Orders tried at most by `legal`; it says true when there are more.
  static constexpr unsigned kMaxOrders = 20'000;
  std::uint64_t undecided() const { return undecided_; }

 private:
  enum class Kind : std::uint8_t { root, context, directory, pasid, second, first };
  struct Version {
    std::array<std::uint64_t, 8> words;
    std::uint64_t from, to;
  };
  struct Unit {
    unsigned count = 0;
    std::vector<Version> versions;
    std::vector<std::uint64_t> cleans;
  };
  struct Edit {
    Kind kind;
    std::uint64_t at;
    std::uint16_t source = 0, domain = 0;
    std::uint32_t pasid = 0;
    std::uint64_t base = 0;
    unsigned level = 0;
    bool leaves = false;  ///< neither before nor after was it a table
  };
  struct Node {
    std::uint64_t page, base;
    unsigned level;
    std::vector<unsigned> indices;
    std::vector<std::array<std::size_t, 2>> children;
  };
  struct Tree {
    bool first = false, nested = false;
    std::uint16_t domain = 0;
    std::uint32_t pasid = 0;
    unsigned levels = 4;
    std::vector<Node> nodes;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> mappings;  ///< of first-stage tables: entry, guest address
  };
  struct Space {
    unsigned type;
    std::uint64_t flags;
    std::size_t tree;
    bool snoop;
  };
  class Choices;

  std::uint64_t new_page();
  std::uint64_t word(std::uint64_t at) { return memory_.load<std::uint64_t>(at).value(); }
  void set(std::uint64_t at, std::uint64_t value) { static_cast<void>(memory_.store(at, value)); }
  std::size_t add_tree(Tree tree);
  std::size_t add_node(Tree& tree, unsigned level, std::uint64_t base);
  void map_table(Tree& second, std::uint64_t page);
  std::uint64_t slot(const Tree& tree, const Node& node, std::size_t i) const;
  std::uint64_t random_entry(Tree& tree, const Node& node, std::size_t i);
  std::uint64_t random_target(const Tree& tree, unsigned level);
  std::uint64_t random_address(const Tree& tree);
  std::array<std::uint64_t, 8> random_context(std::uint16_t source);
  std::array<std::uint64_t, 8> random_pasid(std::uint32_t pasid);
  Space& space(std::uint16_t domain, std::uint32_t pasid) { return spaces_[domain * kPasids + pasid]; }
  void edit_context(std::uint16_t source);
  void edit_pasid(std::uint16_t source, std::uint32_t pasid);
  void edit_slot(Tree& tree, const Node& node, std::size_t i);
  void change(const Edit& edit, unsigned count, const std::uint64_t* words);

  static constexpr unsigned kDomains = 2, kPasids = 3, kDevices = 4;
  static constexpr std::uint64_t kGuestOffset = 0x20'0000'0000;
  static constexpr std::uint64_t kForever = ~0ull;

  Options options_;
  std::mt19937_64 random_;
  iommu::Config config_;
  FlatMemory memory_;
  std::uint64_t next_page_ = FlatMemory::kBase;
  std::uint64_t root_ = 0;
  std::vector<std::uint16_t> sources_;
  std::map<std::uint16_t, std::uint64_t> contexts_;           ///< where each device's entry is
  std::map<std::uint16_t, std::uint64_t> directories_;        ///< its PASID directory
  std::map<std::uint16_t, std::uint64_t> pasid_tables_;
  std::vector<Tree> trees_;  ///< the first kDomains: second stages
  std::vector<Space> spaces_;
  bool tracked_[kDomains] = {};
  std::map<std::uint64_t, Unit> units_;
  std::vector<Edit> stale_;
  std::uint64_t now_ = 0;
  std::uint64_t undecided_ = 0;
};

}  // namespace iovirt::test
