// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The iovirt authors

#include "test/support/iommu_world.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace iovirt::test {

using namespace iommu;

bool FlatMemory::read(std::uint64_t address, std::span<std::uint8_t> bytes) {
  if (!holds(address, bytes.size())) return false;
  std::memcpy(bytes.data(), &bytes_[address - kBase], bytes.size());
  return true;
}

bool FlatMemory::write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  if (!holds(address, bytes.size())) return false;
  std::memcpy(&bytes_[address - kBase], bytes.data(), bytes.size());
  return true;
}

// -- building -------------------------------------------------------------------------------------------------------

RandomWorld::RandomWorld(unsigned seed, Options options) : options_(options), random_(seed) {
  config_.scalable_mode = options.scalable;
  config_.five_level = chance(30);
  config_.guest_address_bits = config_.five_level ? 57 : 48;
  config_.host_address_bits = 40;
  config_.pages_1g = chance(80);
  config_.first_stage_1g = chance(80);
  config_.first_stage_five_level = chance(50);
  config_.snoop_control = chance(80);
  config_.caching_mode = chance(25);
  config_.iotlb = {32, 4, Replacement::lru};
  config_.context_cache = {2, 2, Replacement::lru};
  config_.pasid_cache = {4, 4, Replacement::lru};
  for (CacheConfig* cache : {&config_.paging_cache_l2, &config_.paging_cache_l3, &config_.paging_cache_l4, &config_.paging_cache_l5})
    *cache = {static_cast<std::uint32_t>(chance(80) ? 8 : 0), 4, Replacement::lru};

  root_ = new_page();
  for (std::uint16_t domain = 0; domain < kDomains; ++domain) {
    Tree tree;
    tree.domain = domain;
    tree.levels = config_.five_level && chance(40) ? 5 : chance(30) ? 3 : 4;
    tracked_[domain] = chance(50);
    add_tree(std::move(tree));
  }
  if (options_.scalable)
    for (std::uint16_t domain = 0; domain < kDomains; ++domain)
      for (std::uint32_t pasid = 0; pasid < kPasids; ++pasid) {
        Space made{static_cast<unsigned>(1 + random_() % 3), (random_() & 0xf3) & ~0xcull, domain, !options_.history || chance(90)};
        if (!chance(30)) made.flags |= 3;  // SRE, ERE
        if (made.type != 2) {
          Tree tree;
          tree.first = true;
          tree.nested = made.type == 3;
          tree.domain = domain;
          tree.pasid = pasid;
          tree.levels = config_.first_stage_five_level && chance(40) ? 5 : 4;
          made.tree = add_tree(std::move(tree));
        }
        spaces_.push_back(made);
      }

  for (unsigned i = 0; i < kDevices; ++i) {
    const auto source = static_cast<std::uint16_t>((i / 2) << 8 | (i % 2 ? 0x91 : 0x08));
    sources_.push_back(source);
    const unsigned half = options_.scalable && (source & 0x80) ? 8 : 0;
    const std::uint64_t root_at = root_ + 16ull * (source >> 8) + half;
    if (!(word(root_at) & 1)) set(root_at, new_page() | 1);
    const std::uint64_t table = word(root_at) & ~0xfffull;
    contexts_[source] = table + (options_.scalable ? 32ull * (source & 0x7f) : 16ull * (source & 0xff));
    if (options_.scalable) {
      directories_[source] = new_page();
      pasid_tables_[source] = new_page();
      set(directories_[source], pasid_tables_[source] | 1);
      for (std::uint32_t pasid = 0; pasid < kPasids; ++pasid) {
        const auto words = random_pasid(pasid);
        for (unsigned w = 0; w < 8; ++w) set(pasid_tables_[source] + 64 * pasid + 8 * w, words[w]);
      }
    }
    const auto words = random_context(source);
    for (unsigned w = 0; w < (options_.scalable ? 4u : 2u); ++w) set(contexts_[source] + 8 * w, words[w]);
  }
}

std::uint64_t RandomWorld::new_page() {
  const std::uint64_t page = next_page_;
  next_page_ += 4096;
  if (!memory_.load<std::uint64_t>(page + 4088)) throw std::logic_error("the world's memory is too small");
  return page;
}

std::size_t RandomWorld::add_tree(Tree tree) {
  add_node(tree, tree.levels, 0);
  trees_.push_back(std::move(tree));
  Tree& kept = trees_.back();
  for (const Node& node : kept.nodes)
    for (std::size_t i = 0; i < node.indices.size(); ++i) set(slot(kept, node, i), random_entry(kept, node, i));
  if (kept.nested)
    for (const Node& node : kept.nodes) map_table(trees_[kept.domain], node.page);
  return trees_.size() - 1;
}

/// Few indices of each table are used, and each pointer has two tables to choose from.
std::size_t RandomWorld::add_node(Tree& tree, unsigned level, std::uint64_t base) {
  Node node{new_page(), base, level, {}, {}};
  const bool top = level == tree.levels;
  if (top && tree.first)
    node.indices = {static_cast<unsigned>(random_() % 2 ? 511 : 0)};
  else if (level >= 4)
    // What a second stage maps fits into a first-stage entry: 40 bits.
    node.indices = {(options_.scalable ? level == 4 : top) ? 1u : 0u};
  else
    node.indices = level == 1 ? std::vector<unsigned>{0, 1, 2} : std::vector<unsigned>{0, 1};
  if (level > 1)
    for (const unsigned index : node.indices) {
      std::uint64_t below = base | std::uint64_t{index} << (12 + 9 * (level - 1));
      if (top && tree.first && index == 511) below |= ~0ull << (12 + 9 * level - 1);
      const std::size_t one = add_node(tree, level - 1, below);
      node.children.push_back({one, add_node(tree, level - 1, below)});
    }
  tree.nodes.push_back(std::move(node));
  return tree.nodes.size() - 1;
}

void RandomWorld::map_table(Tree& second, std::uint64_t page) {
  const std::uint64_t guest = page + kGuestOffset;
  std::uint64_t table = second.nodes.back().page;
  for (unsigned level = second.levels; level > 1; --level) {
    const std::uint64_t at = table + 8 * ((guest >> (12 + 9 * (level - 1))) & 0x1ff);
    if (!(word(at) & 1)) set(at, new_page() | 3);
    table = word(at) & 0x000f'ffff'ffff'f000;
  }
  const std::uint64_t at = table + 8 * ((guest >> 12) & 0x1ff);
  set(at, page | 3);
  second.mappings.emplace_back(at, guest);
}

std::uint64_t RandomWorld::slot(const Tree&, const Node& node, std::size_t i) const { return node.page + 8 * node.indices[i]; }

std::uint64_t RandomWorld::random_target(const Tree& tree, unsigned level) {
  const std::uint64_t size = 1ull << (12 + 9 * (level - 1));
  if (tree.nested && !chance(5)) return random_address(trees_[tree.domain]) & ~(size - 1);
  if (chance(2)) return 0xfee0'0000 & ~(size - 1);
  if (chance(1)) return (1ull << 41) & ~(size - 1);
  return (random_() & 0xff'ffff'f000) & ~(size - 1);
}

std::uint64_t RandomWorld::random_entry(Tree& tree, const Node& node, std::size_t i) {
  const unsigned level = node.level;
  const bool leaf = level == 1 || ((level == 2 || level == 3) && chance(15));
  std::uint64_t entry = 0;
  if (leaf) {
    entry = random_target(tree, level) | (level > 1 ? 0x80u : 0u);
  } else {
    entry = tree.nodes[node.children[i][random_() % 2]].page;
    if (tree.nested) entry += kGuestOffset;
  }
  if (tree.first) {
    entry |= chance(level > 1 ? 92 : 75) ? 7 : (random_() & 7) | 1;
    if (chance(20)) entry |= 1ull << 63;
    if (chance(10)) entry |= 1 << 8;
  } else {
    entry |= chance(level > 1 ? 92 : 75) ? 3 : random_() % 4;
    if (leaf && chance(20)) entry |= 1 << 11;
  }
  if (chance(1)) entry ^= 1ull << (random_() % 12 + (chance(50) ? 40 : 0));
  if (chance(leaf ? 4 : 1)) entry &= ~3ull;
  return entry;
}

std::uint64_t RandomWorld::random_address(const Tree& tree) {
  std::uint64_t address = random_() % 4096;
  const Node* node = &tree.nodes.back();
  for (;;) {
    const std::size_t i = random_() % node->indices.size();
    const unsigned shift = 12 + 9 * (node->level - 1);
    if (node->level == 1) return address | node->base | std::uint64_t{node->indices[i]} << shift;
    node = &tree.nodes[node->children[i][0]];
  }
}

std::array<std::uint64_t, 8> RandomWorld::random_context(std::uint16_t source) {
  std::array<std::uint64_t, 8> words{};
  if (options_.scalable) {
    words[0] = directories_[source] | (chance(95) ? 7u : 0u) << 9 | (chance(90) ? 8u : 0u) | 1u;
    words[1] = random_() % kPasids | (chance(20) ? 1u << 20 : 0u);
    if (chance(2)) words[1] = 1 << 19;
  } else {
    const auto domain = static_cast<std::uint16_t>(random_() % kDomains);
    const Tree& tree = trees_[domain];
    words[0] = tree.nodes.back().page | 1u;
    words[1] = (tree.levels - 2) | std::uint64_t{domain} << 8;
    if (chance(8)) {
      words[0] = 2 << 2 | 1;  // pass-through
      words[1] = config_.five_level ? 3 : 2;
    }
  }
  // Anything may be wrong but tables and tags: the same tag must not come to mean other tables.
  if (chance(2)) words[0] ^= 1ull << (chance(50) ? 4 + random_() % 5 : 40 + random_() % 24);
  if (!options_.scalable && chance(2)) words[0] |= 3u << 2;
  if (chance(2)) words[1] ^= 1ull << (24 + random_() % 40);
  if (chance(3)) words[0] &= ~1ull;
  return words;
}

std::array<std::uint64_t, 8> RandomWorld::random_pasid(std::uint32_t pasid) {
  std::array<std::uint64_t, 8> words{};
  const auto domain = static_cast<std::uint16_t>(random_() % kDomains);
  const Space& made = space(domain, pasid);
  const Tree& second = trees_[domain];
  const Tree& first = trees_[made.tree];
  words[0] = made.type << 6 | (second.levels - 2) << 2 | 1u;
  words[1] = domain | (made.snoop ? 1u << 23 : 0u);
  if (made.type != 1) words[0] |= second.nodes.back().page | (tracked_[domain] ? 1u << 9 : 0u);
  if (made.type != 2) words[2] = made.flags | (first.nodes.back().page + (first.nested ? kGuestOffset : 0)) | (first.levels - 4) << 2;
  if (chance(6)) words = {4u << 6 | (config_.five_level ? 3u : 2u) << 2 | 1u, domain};
  if (chance(3)) words[0] ^= 1ull << (random_() % 2 ? 5 : 10 + random_() % 2);
  if (chance(2)) words[3 + random_() % 5] = 1;
  if (chance(2)) words[0] |= 7u << 6;
  if (chance(3)) words[0] &= ~1ull;
  return words;
}

OracleRequest RandomWorld::request() {
  OracleRequest request;
  request.source = chance(99) ? sources_[random_() % kDevices] : static_cast<std::uint16_t>(random_());
  request.write = chance(40);
  request.zero_length = !request.write && chance(5);
  std::size_t tree = random_() % kDomains;
  if (options_.scalable) {
    auto pasid = static_cast<std::uint32_t>(random_() % kPasids);
    request.pasid = chance(70) ? static_cast<std::int64_t>(pasid) : chance(95) ? -1 : static_cast<std::int64_t>(random_() % (1 << 20));
    auto domain = static_cast<std::uint16_t>(random_() % kDomains);
    if (const auto at = pasid_tables_.find(request.source); at != pasid_tables_.end() && chance(90)) {  // of its own space
      // RID_PASID is for requests without one.
      if (request.pasid == static_cast<std::int64_t>(word(contexts_[request.source] + 8) & 0xf'ffff) && chance(80)) request.pasid = -1;
      if (request.pasid < 0) pasid = static_cast<std::uint32_t>(word(contexts_[request.source] + 8) % 4) % kPasids;
      domain = static_cast<std::uint16_t>(word(at->second + 64 * pasid + 8)) % kDomains;
    }
    tree = space(domain, pasid).tree;
    request.privileged = chance(20);
    request.execute = !request.write && chance(10);
  }
  request.address = random_address(trees_[tree]);
  if (chance(2)) request.address ^= 1ull << (random_() % 64);
  return request;
}

// -- editing --------------------------------------------------------------------------------------------------------

void RandomWorld::change(const Edit& edit, unsigned count, const std::uint64_t* words) {
  ++now_;
  Unit& unit = units_[edit.at];
  if (unit.versions.empty()) {
    unit.count = count;
    Version first{{}, 0, kForever};
    for (unsigned w = 0; w < count; ++w) first.words[w] = word(edit.at + 8 * w);
    unit.versions.push_back(first);
  }
  unit.versions.back().to = now_;
  Version next{{}, now_, kForever};
  for (unsigned w = 0; w < count; ++w) {
    next.words[w] = words[w];
    set(edit.at + 8 * w, words[w]);
  }
  unit.versions.push_back(next);
  stale_.push_back(edit);
}

void RandomWorld::edit_context(std::uint16_t source) {
  const auto words = random_context(source);
  change({Kind::context, contexts_[source], source, static_cast<std::uint16_t>(word(contexts_[source] + 8) >> 8)},
         options_.scalable ? 4 : 2, words.data());
}

void RandomWorld::edit_pasid(std::uint16_t source, std::uint32_t pasid) {
  const std::uint64_t at = pasid_tables_[source] + 64 * pasid;
  const auto words = random_pasid(pasid);
  change({Kind::pasid, at, source, static_cast<std::uint16_t>(word(at + 8)), pasid}, 8, words.data());
}

void RandomWorld::edit_slot(Tree& tree, const Node& node, std::size_t i) {
  Edit edit{tree.first ? Kind::first : Kind::second, slot(tree, node, i), 0, tree.domain, tree.pasid};
  edit.base = node.base | std::uint64_t{node.indices[i]} << (12 + 9 * (node.level - 1));
  if (tree.first && node.level == tree.levels && node.indices[i] == 511) edit.base |= ~0ull << (12 + 9 * node.level - 1);
  edit.level = node.level;
  edit.leaves = node.level == 1;
  const std::uint64_t words[1] = {random_entry(tree, node, i)};
  change(edit, 1, words);
}

bool RandomWorld::edit_at(std::uint64_t at) {
  for (const std::uint16_t source : sources_) {
    if (contexts_[source] == at) return edit_context(source), true;
    if (!options_.scalable || at < pasid_tables_[source] || at >= pasid_tables_[source] + 64 * kPasids) continue;
    return edit_pasid(source, static_cast<std::uint32_t>((at - pasid_tables_[source]) / 64)), true;
  }
  for (Tree& tree : trees_)
    for (const Node& node : tree.nodes)
      for (std::size_t i = 0; node.page == (at & ~0xfffull) && i < node.indices.size(); ++i)
        if (slot(tree, node, i) == at) return edit_slot(tree, node, i), true;
  return false;
}

void RandomWorld::edit() {
  const std::uint16_t source = sources_[random_() % kDevices];
  const unsigned what = static_cast<unsigned>(random_() % 100);
  if (what < 1 || (what < 4 && (word(root_ + 16ull * (source >> 8)) & 3) != 1)) {
    Edit edit{Kind::root, root_ + 16ull * (source >> 8)};
    const std::uint64_t good = (word(edit.at) & ~0xfffull) | 1;
    const std::uint64_t words[2] = {word(edit.at) != good ? good : good ^ (chance(50) ? 1u : 2u), word(edit.at + 8)};
    return change(edit, 2, words);
  }
  if (what < 10) return edit_context(source);
  if (options_.scalable && (what < 11 || (what < 14 && (word(directories_[source]) & 7) != 1))) {
    const std::uint64_t good = pasid_tables_[source] | 1;
    const std::uint64_t words[1] = {word(directories_[source]) != good ? good : good ^ (chance(50) ? 1u : 4u)};
    return change({Kind::directory, directories_[source], source}, 1, words);
  }
  if (options_.scalable && what < 20) return edit_pasid(source, static_cast<std::uint32_t>(random_() % kPasids));
  Tree& tree = trees_[random_() % trees_.size()];
  if (!tree.mappings.empty() && chance(15)) {  // the second stage under a first-stage table
    const auto [at, guest] = tree.mappings[random_() % tree.mappings.size()];
    const std::uint64_t page = word(at) & 0x000f'ffff'ffff'f000;
    const std::uint64_t words[1] = {page | (chance(60) ? 3 : options_.history ? random_() % 4 : chance(50) ? 2 : 0)};
    return change({Kind::second, at, 0, tree.domain, 0, guest & ~0xfffull, 1, true}, 1, words);
  }
  const Node& node = tree.nodes[random_() % tree.nodes.size()];
  edit_slot(tree, node, random_() % node.indices.size());
}

std::vector<AnyInvalidation> RandomWorld::everything() {
  return {ContextInvalidation{}, PasidCacheInvalidation{}, IotlbInvalidation{}};
}

std::vector<AnyInvalidation> RandomWorld::sufficient(std::size_t which) {
  const Edit& edit = stale_[which];
  if (chance(5)) return everything();
  const bool only = std::count_if(stale_.begin(), stale_.end(), [&](const Edit& e) { return e.at == edit.at; }) == 1;
  const auto mask = static_cast<std::uint8_t>(9 * (edit.level ? edit.level - 1 : 0));
  const auto by_page = [&](auto& invalidation) {
    const unsigned larger = chance(70) ? 0 : static_cast<unsigned>(random_() % 4);
    invalidation.address = edit.base;
    invalidation.address_mask = static_cast<std::uint8_t>(mask + larger);
    invalidation.leaf_only = edit.leaves && chance(50);
  };
  switch (edit.kind) {
    case Kind::root: return {ContextInvalidation{}};
    case Kind::context:
      // In caching mode an entry may be cached as absent, of domain 0.
      if (!options_.scalable && !config_.caching_mode && only && chance(30)) return {ContextInvalidation{Granularity::domain, edit.domain, 0, 0}};
      return {ContextInvalidation{Granularity::selective, edit.domain, edit.source, static_cast<std::uint8_t>(random_() % 4)}};
    case Kind::directory: return {PasidCacheInvalidation{}};
    case Kind::pasid:
      // The domain counts that the entry had while it was cached.
      if (!only || chance(20)) return {PasidCacheInvalidation{}};
      if (!config_.caching_mode && chance(30)) return {PasidCacheInvalidation{PasidCacheGranularity::domain, edit.domain, 0}};
      return {PasidCacheInvalidation{PasidCacheGranularity::pasid, edit.domain, edit.pasid}};
    case Kind::second: {
      IotlbInvalidation result{.granularity = Granularity::domain, .domain = edit.domain};
      if (mask + 3u <= config_.max_address_mask && chance(70)) {
        result.granularity = Granularity::selective;
        by_page(result);
      }
      return {result};
    }
    case Kind::first: {
      PasidIotlbInvalidation result{.granularity = PasidIotlbGranularity::pasid, .domain = edit.domain, .pasid = edit.pasid};
      if (mask + 3u <= config_.max_address_mask && chance(70)) {
        result.granularity = PasidIotlbGranularity::page;
        by_page(result);
      }
      return {result};
    }
  }
  return everything();
}

void RandomWorld::clean(std::size_t which) {
  ++now_;
  const std::uint64_t at = stale_[which].at;
  units_[at].cleans.push_back(now_);
  std::erase_if(stale_, [&](const Edit& edit) { return edit.at == at; });
}

void RandomWorld::clean_all() {
  ++now_;
  for (const Edit& edit : stale_) units_[edit.at].cleans.push_back(now_);
  stale_.clear();
}

AnyInvalidation RandomWorld::noise() {
  const auto domain = static_cast<std::uint16_t>(random_() % (kDomains + 1));
  const auto pasid = static_cast<std::uint32_t>(random_() % (kPasids + 1));
  const std::uint64_t address = random_address(trees_[random_() % trees_.size()]) & ~0xfffull;
  switch (random_() % (options_.scalable ? 4 : 2)) {
    case 0: return ContextInvalidation{static_cast<Granularity>(1 + random_() % 3), domain, sources_[random_() % kDevices], 0};
    case 1:
      return IotlbInvalidation{.granularity = chance(90) ? Granularity::selective : Granularity::domain, .domain = domain,
                               .address = address, .leaf_only = chance(50)};
    case 2: return PasidCacheInvalidation{chance(50) ? PasidCacheGranularity::pasid : PasidCacheGranularity::domain, domain, pasid};
    default:
      return PasidIotlbInvalidation{.granularity = chance(90) ? PasidIotlbGranularity::page : PasidIotlbGranularity::pasid,
                                    .domain = domain, .pasid = pasid, .address = address, .leaf_only = chance(50)};
  }
}

// -- judging --------------------------------------------------------------------------------------------------------

/// Memory in which each read of an edited structure may give any of its legal values: one order of events is one
/// sequence of choices.
class RandomWorld::Choices : public OracleMemory {
 public:
  Choices(RandomWorld& world, std::uint64_t begin) : world_(world), begin_(begin) {}

  bool read(std::uint64_t address, unsigned count, std::uint64_t* words) override {
    const auto found = world_.units_.find(address);
    if (found == world_.units_.end()) {
      PlainOracleMemory plain(world_.memory_);
      return plain.read(address, count, words);
    }
    const Unit& unit = found->second;
    std::uint64_t clean = 0;
    for (const std::uint64_t at : unit.cleans)
      if (at <= begin_) clean = at;
    unsigned legal = 0;  // newest first
    for (const Version& version : unit.versions) legal += version.to > clean;
    const unsigned choice = legal == 1 ? 0 : choose(legal);
    const Version& version = unit.versions[unit.versions.size() - 1 - choice];
    std::copy_n(version.words.begin(), count, words);
    return true;
  }
  bool set_bits(std::uint64_t, std::uint64_t) override { return true; }

  void restart() { used_ = 0; }
  /// The next sequence of choices; false when there is none.
  bool next() {
    while (!taken_.empty()) {
      if (++taken_.back().first < taken_.back().second) return true;
      taken_.pop_back();
    }
    return false;
  }

 private:
  unsigned choose(unsigned among) {
    if (used_ == taken_.size()) taken_.emplace_back(0, among);
    return taken_[used_++].first;
  }
  RandomWorld& world_;
  std::uint64_t begin_;
  std::vector<std::pair<unsigned, unsigned>> taken_;
  std::size_t used_ = 0;
};

bool RandomWorld::legal(const OracleRequest& asked, std::uint64_t begin, const OracleAnswer& answer) {
  Choices choices(*this, begin);
  for (unsigned tried = 0; tried < kMaxOrders; ++tried) {
    choices.restart();
    if (translate_naively(choices, config_, rtaddr(), asked) == answer) return true;
    if (!choices.next()) return false;
  }
  ++undecided_;
  return true;
}

}  // namespace iovirt::test
