// Rank files: tiktoken's "base64 rank" lines and Mistral's tekken.json. Ranks are merge order and token id at once.
#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "text/tokenizer/load/base64.h"
#include "text/tokenizer/load/files.h"
#include "text/tokenizer/models/bpe.h"
#include "text/tokenizer/split/gguf_pre.h"

namespace hearth::text {

namespace {

// cl100k as tiktoken has it since 0.8: white space at the end of a text is one piece.
constexpr std::string_view kCl100k =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)";

// A rank file holds no pattern; the number of its ranks tells which vocabulary it is.
struct KnownRanks {
  size_t count;
  std::string_view name, pattern;
  std::pair<std::string_view, TokenId> specials[6] = {};
};
const KnownRanks kKnown[] = {
    {50256, "r50k", pattern::kGpt2, {{"<|endoftext|>", 50256}}},
    {50280,
     "p50k",
     pattern::kGpt2,
     {{"<|endoftext|>", 50256}, {"<|fim_prefix|>", 50281}, {"<|fim_middle|>", 50282}, {"<|fim_suffix|>", 50283}}},
    {100256,
     "cl100k",
     kCl100k,
     {{"<|endoftext|>", 100257},
      {"<|fim_prefix|>", 100258},
      {"<|fim_middle|>", 100259},
      {"<|fim_suffix|>", 100260},
      {"<|endofprompt|>", 100276}}},
    {199998, "o200k", pattern::kO200k, {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}},
    {128000,
     "llama3",
     pattern::kLlama3,
     {{"<|begin_of_text|>", 128000},
      {"<|end_of_text|>", 128001},
      {"<|start_header_id|>", 128006},
      {"<|end_header_id|>", 128007},
      {"<|eot_id|>", 128009}}},
    {151643, "qwen", pattern::kQwen2, {{"<|endoftext|>", 151643}, {"<|im_start|>", 151644}, {"<|im_end|>", 151645}}},
    {163584, "kimi-k2", {}, {}},  // its pattern is the row of that name in gguf_pre
};

Result<void> read_ranks(std::string_view text, VocabularyBuilder& rows, size_t& count) {
  for (size_t line = 1; !text.empty(); ++line) {
    std::string_view row = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), row.size() + 1));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty()) continue;
    const size_t space = row.find(' ');
    if (space == 0 || space == row.npos) return fail(ErrorCode::kBadFile, "line {} is no \"base64 rank\"", line);
    auto bytes = decode_base64(row.substr(0, space));
    if (!bytes) return at("line " + std::to_string(line), bytes.error());
    int64_t rank = -1;
    const char* end = row.data() + row.size();
    const auto [stop, error] = std::from_chars(row.data() + space + 1, end, rank);
    if (error != std::errc() || stop != end || rank < 0)
      return fail(ErrorCode::kBadFile, "line {}: '{}' is no rank", line, row.substr(space + 1));
    HEARTH_TRY_VOID(rows.set(rank, *bytes, TokenKind::kNormal, 0, "ranks"));
    ++count;
  }
  if (count == 0) return fail(ErrorCode::kBadFile, "the file holds no ranks");
  return {};
}

// Everything but the pattern and the special tokens is the same for all rank files.
Result<void> finish_ranks(TokenizerParts& parts, const VocabularyBuilder& rows) {
  HEARTH_TRY(built, rows.build());
  parts.vocabulary = std::make_unique<const Vocabulary>(std::move(built));
  // Every byte must be a token, or some texts could not be encoded.
  for (int b = 0; b < 256; ++b) {
    const char byte = static_cast<char>(b);
    if (!parts.vocabulary->find({&byte, 1})) return fail(ErrorCode::kBadFile, "the ranks lack the byte {:#04x}", b);
  }
  parts.model = make_bpe(*parts.vocabulary, {.raw_bytes = true, .ignore_merges = true}, MergeOrder::kById);
  return {};
}

Result<PreTokenizer> words_of(const KnownRanks& known) {
  if (known.pattern.empty()) {
    HEARTH_TRY(row, find_gguf_pre(known.name));
    return make_pre_tokenizer(*row);
  }
  PreTokenizer out;
  HEARTH_TRY(split, split_by(known.pattern));
  out.add(std::move(split));
  return out;
}

}  // namespace

bool looks_like_tiktoken(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, std::min(bytes.find('\n'), size_t{256}));
  const size_t space = line.find(' ');
  return space != line.npos && space > 0 && decode_base64(line.substr(0, space)).has_value();
}

Result<std::shared_ptr<const Tokenizer>> load_tiktoken(std::string_view text, const FolderConfig& config) {
  VocabularyBuilder rows;
  size_t count = 0;
  HEARTH_TRY_VOID(read_ranks(text, rows, count));
  const auto known = std::ranges::find(kKnown, count, &KnownRanks::count);
  if (known == std::end(kKnown))
    return fail(
        ErrorCode::kUnsupported,
        "a rank file of {} ranks is none this build knows the splitting pattern of; the folder needs a tokenizer.json",
        count);
  TokenizerParts parts;
  parts.added = config.added;
  for (const auto& [special, id] : known->specials)
    if (!special.empty() &&
        std::ranges::none_of(parts.added, [&](const AddedToken& t) { return t.id == id || t.text == special; }))
      parts.added.push_back({.id = id, .text = std::string(special), .control = true});
  for (AddedToken& token : parts.added) {
    token.control = token.control || config.steers(token.text);
    HEARTH_TRY_VOID(rows.set(token.id, token.text, token.control ? TokenKind::kControl : TokenKind::kUserDefined, 0,
                             "added tokens"));
  }
  HEARTH_TRY_VOID(finish_ranks(parts, rows));
  HEARTH_TRY(words, words_of(*known));
  parts.pre_tokenizer = std::move(words);
  parts.split_name = known->name;
  if (known->name == "llama3") {
    parts.special.bos = parts.vocabulary->find("<|begin_of_text|>");
    parts.special.adds_bos = true;
    set_bos_eos(parts);
  }
  parts.special.eos = parts.vocabulary->find(known->name == "llama3" ? "<|end_of_text|>" : "<|endoftext|>");
  return finish_tokenizer(std::move(parts), config);
}

Result<std::shared_ptr<const Tokenizer>> load_tekken(std::string_view text, const FolderConfig& config) {
  HEARTH_TRY(file, Json::parse(text));
  const Json* settings = file.find("config");
  const Json* vocab = file.find("vocab");
  if (settings == nullptr || vocab == nullptr || !vocab->is_array())
    return fail(ErrorCode::kBadFile, "tekken.json needs 'config' and the array 'vocab'");
  HEARTH_TRY(pattern, settings->text("pattern"));
  HEARTH_TRY(specials, settings->integer("default_num_special_tokens"));
  HEARTH_TRY(total, settings->integer("default_vocab_size"));
  if (specials < 3 || total <= specials || total > static_cast<int64_t>(Vocabulary::kMaxTokens) ||
      total - specials > static_cast<int64_t>(vocab->as_array().size()))
    return fail(ErrorCode::kBadFile, "tekken.json: {} tokens with {} special ones do not fit a vocab of {}", total,
                specials, vocab->as_array().size());
  TokenizerParts parts;
  VocabularyBuilder rows;
  // Early files name no special tokens; their first three are always these.
  static constexpr std::string_view kFirst[] = {"<unk>", "<s>", "</s>"};
  for (int64_t id = 0; id < specials; ++id)
    parts.added.push_back({.id = static_cast<TokenId>(id),
                           .text = id < 3 ? std::string(kFirst[id]) : "<SPECIAL_" + std::to_string(id) + ">",
                           .control = true});
  if (const Json* named = file.find("special_tokens"); named != nullptr && named->is_array())
    for (const Json& token : named->as_array()) {
      HEARTH_TRY(rank, token.integer("rank"));
      HEARTH_TRY(name, token.text("token_str"));
      if (rank < 0 || rank >= specials)
        return fail(ErrorCode::kBadFile, "tekken.json: the special token '{}' has the rank {}", name, rank);
      parts.added[static_cast<size_t>(rank)].text = name;
    }
  for (const AddedToken& token : parts.added)
    HEARTH_TRY_VOID(rows.set(token.id, token.text, TokenKind::kControl, 0, "tekken.json"));
  for (int64_t rank = 0; rank < total - specials; ++rank) {
    const Json& row = vocab->as_array()[static_cast<size_t>(rank)];
    HEARTH_TRY(encoded, row.text("token_bytes"));
    HEARTH_TRY(bytes, decode_base64(encoded));
    if (row.integer_or("rank", -1) != rank)
      return fail(ErrorCode::kBadFile, "tekken.json: row {} of vocab has the rank {}", rank,
                  row.integer_or("rank", -1));
    HEARTH_TRY_VOID(rows.set(specials + rank, bytes, TokenKind::kNormal, 0, "tekken.json"));
  }
  HEARTH_TRY_VOID(finish_ranks(parts, rows));
  HEARTH_TRY(words, split_by(pattern));
  parts.pre_tokenizer.add(std::move(words));
  parts.split_name = "tekken";
  parts.special.bos = 1;
  parts.special.eos = 2;
  parts.special.unk = 0;
  parts.special.adds_bos = true;
  set_bos_eos(parts);
  return finish_tokenizer(std::move(parts), config);
}

}  // namespace hearth::text
