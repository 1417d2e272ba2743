#include "engine/disk_tier.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::engine {

// Whatever decides the bits of a page, beside its tokens. Rotary frequencies may depend on the context that was asked for.
static std::string identity_of(const DiskCacheOptions& options, const model::Model& model, const ops::Backend& backend, const PageLayout& layout) {
  std::string text = fmt::format("hearth prefix 2\n{}\n{}\n", options.model, backend.name());
  for (const ops::KvLayer& layer : layout.layers)
    text += fmt::format("kv {} {} {} {} {} {} {}\n", layer.page_tokens, layer.group, layer.kv_heads, layer.k_dim, layer.v_dim,
                        ops::kv_format(layer.k_type).name, ops::kv_format(layer.v_type).name);
  for (const auto& slot : model.state_shape().slots) text += fmt::format("slot {}\n", slot.floats);
  for (const uint32_t window : model.state_shape().group_windows) text += fmt::format("window {}\n", window);
  for (const model::Rope& rope : model.plan().ropes) {
    text += fmt::format("rope {} ", rope.magnitude);
    text += PageKey{sha256(std::as_bytes(std::span(rope.inverse_frequencies)))}.text() + "\n";
  }
  return text;
}

Result<std::unique_ptr<DiskTier>> DiskTier::make(const DiskCacheOptions& options, const model::Model& model, const ops::Backend& backend,
                                                 const PageLayout& layout, const Parts& parts) {
  HEARTH_TRY(store, PersistentStore::open(options.folder, options.max_bytes));
  PersistentCache::Shape shape{.page_tokens = parts.cache.page_tokens(), .pages = {layout.page_bytes},
                               .state_bytes = RecurrentPool::bytes_per_slot(model.state_shape()), .loaded_bytes = options.loaded_bytes};
  return std::unique_ptr<DiskTier>(new DiskTier(std::move(store), std::move(shape), root_key(identity_of(options, model, backend, layout)), parts));
}

void DiskTier::enter(Sequence& sequence) { sequence.disk.keys = page_keys(root_, sequence.prompt(), parts_.cache.page_tokens()); }

void DiskTier::ask(Sequence& sequence) {
  DiskTrail& disk = sequence.disk;
  if (std::exchange(disk.is_asked, true) || sequence.has_started()) return;
  if (sequence.request().want_prompt_logits) return;
  const uint32_t page_tokens = parts_.cache.page_tokens();
  const uint32_t pages = (sequence.prompt_tokens() - 1) / page_tokens, cached = parts_.cache.cached_tokens(sequence.prompt()) / page_tokens;
  if (cached >= pages) return;
  const auto tokens = sequence.prompt().first(size_t{pages} * page_tokens);
  disk_.ask({.id = sequence.id(), .keys = {disk.keys.begin(), disk.keys.begin() + pages}, .tokens = {tokens.begin(), tokens.end()},
             .first = cached});
  disk.is_waiting = true;
  ++asked_;
}

bool DiskTier::is_ready(Sequence& sequence) {
  if (sequence.has_started()) return true;
  if (asked_ < parts_.most_asked) ask(sequence);
  return sequence.disk.is_asked && !sequence.disk.is_waiting;
}

void DiskTier::take_answers(const std::function<Sequence*(RequestId)>& find) {
  while (const auto answer = disk_.take()) {
    --asked_;
    adopt(*answer);
    Sequence* const sequence = find(answer->query.id);
    if (sequence == nullptr) continue;
    const uint32_t page_tokens = parts_.cache.page_tokens();
    DiskTrail& disk = sequence->disk;
    disk.is_waiting = false;
    if (disk.to == 0) disk.from = answer->query.first * page_tokens;
    if (answer->pages == 0) continue;
    disk.to = (answer->query.first + answer->pages) * page_tokens;
    if (answer->is_cut && parts_.cache.cached_tokens(sequence->prompt()) == disk.to) disk.is_asked = false;  // for the next part
  }
}

void DiskTier::adopt(const PersistentCache::Answer& answer) {
  const PersistentCache::Query& query = answer.query;
  const auto part = [&](uint32_t index, uint32_t group) { return answer.entries[index - query.first].part(group); };
  const Adoption adoption =
      parts_.cache.adopt(query.tokens, query.first, query.first + answer.pages,
                         [&](uint32_t index, uint32_t group) { return !part(index, group).empty(); }, answer.state.has_value());
  for (const Adoption::Page& page : adoption.pages)
    std::ranges::copy(part(page.index, page.group), parts_.pages.page(page.group, page.page).begin());
  if (adoption.snapshot) std::ranges::copy(answer.state->part(0), parts_.slots.slot(parts_.first_snapshot + *adoption.snapshot).begin());
}

std::span<const int32_t> DiskTier::page_tokens(const Sequence& sequence, uint32_t page) const {
  const uint32_t tokens = parts_.cache.page_tokens();
  return sequence.prompt().subspan(size_t{page} * tokens, tokens);
}

// Pages go to disk in order, so that no page is there without those before it. A prompt ends there where it would push out its
// own beginning.
void DiskTier::store_pages(Sequence& sequence) {
  DiskTrail& disk = sequence.disk;
  const SequencePages& owned = sequence.pages;
  if (!has_pages_ || disk.stored == disk.keys.size()) return;
  while (disk.stored < std::min<size_t>(owned.published, disk.keys.size())) {
    std::vector<std::span<const std::byte>> parts;
    for (uint32_t g = 0; g < owned.lists.size(); ++g)
      parts.push_back(disk.stored < owned.released[g] ? std::span<const std::byte>() : parts_.pages.page(g, owned.lists[g][disk.stored]));
    const auto tokens = page_tokens(sequence, disk.stored);
    const uint64_t bytes = disk.bytes + entry_bytes(tokens, parts);
    if (bytes > most_bytes_) {
      disk.keys.resize(disk.stored);
      break;
    }
    if (!disk_.offer({disk.keys[disk.stored], EntryKind::kPages}, tokens, parts)) return;
    disk.bytes = bytes;
    ++disk.stored;
  }
  if (disk.stored == disk.keys.size()) disk_.touch(disk.keys);
}

void DiskTier::store_state(Sequence& sequence) {
  DiskTrail& disk = sequence.disk;
  const uint32_t pages = sequence.pages.published;
  if (!has_states_ || pages == 0 || pages > disk.keys.size()) return;
  const std::span<const std::byte> state = parts_.slots.slot(sequence.slot());
  if (has_pages_ && disk.bytes + state.size() > most_bytes_) return;
  if (disk_.offer({disk.keys[pages - 1], EntryKind::kState}, page_tokens(sequence, pages - 1), {&state, 1})) disk.bytes += state.size();
  else disk_.drop(1);
}

void DiskTier::follow(const Sequence& leader, Sequence& follower) {
  follower.disk.keys = leader.disk.keys;
  follower.disk.stored = leader.disk.stored;
  follower.disk.bytes = leader.disk.bytes;
}

void DiskTier::leave(const Sequence& sequence) {
  const size_t published = std::min<size_t>(sequence.pages.published, sequence.disk.keys.size());
  const uint32_t stored = sequence.disk.stored;
  if (has_pages_ && published > stored) disk_.drop(published - stored);
  if (has_pages_ && stored > 0) disk_.touch(std::span(sequence.disk.keys).first(stored));
}

}  // namespace hearth::engine
