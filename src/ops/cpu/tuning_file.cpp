#include "ops/cpu/tuning_file.h"

#include <filesystem>

#include <fmt/format.h>

#include "base/cpu_info.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "ops/cpu/tuning.h"

namespace hearth::ops::cpu {

namespace {

constexpr uint64_t kMostBytes = 1 << 20;

std::string processor() { return fmt::format("{}: {}", cpu_model_name(), cpu_feature_names(cpu_features())); }

Json rows_json(const ProductChoices& choices) {
  Json rows = Json::object();
  for (size_t layout = 0; layout < choices.size(); ++layout)
    if (const quant::Format* format = format_of_layout(layout))
      rows.set(format->name, Json::object({{"direct_rows", choices[layout].direct_rows},
                                           {"tile_rows", choices[layout].tile_rows},
                                           {"fetch_rows", choices[layout].fetch_rows},
                                           {"fetch_steps", choices[layout].fetch_steps},
                                           {"two_panels", uint32_t{choices[layout].two_panels}}}));
  return rows;
}

Result<uint32_t> count(const Json& row, std::string_view key, uint32_t most) {
  HEARTH_TRY(value, row.integer(key));
  if (value < 0 || value > most) return fail(ErrorCode::kBadFile, "{} is {}", key, value);
  return static_cast<uint32_t>(value);
}

// Every layout must be there, so that a file cut short or of another build is not half believed.
Result<ProductChoices> choices_of(const Json& rows) {
  ProductChoices choices{};
  for (size_t layout = 0; layout < choices.size(); ++layout) {
    const quant::Format* format = format_of_layout(layout);
    if (format == nullptr) continue;
    const Json* row = rows.find(format->name);
    if (row == nullptr) return fail(ErrorCode::kBadFile, "the layout of {} is missing", format->name);
    HEARTH_TRY(direct_rows, count(*row, "direct_rows", UINT32_MAX));
    HEARTH_TRY(tile_rows, count(*row, "tile_rows", UINT32_MAX));
    HEARTH_TRY(fetch_rows, count(*row, "fetch_rows", UINT32_MAX));
    HEARTH_TRY(fetch_steps, count(*row, "fetch_steps", 64));
    HEARTH_TRY(two_panels, count(*row, "two_panels", 1));
    choices[layout] = {direct_rows, tile_rows, fetch_rows, fetch_steps, two_panels == 1};
  }
  return choices;
}

// The instruction sets of a file, if it speaks of this machine.
Result<Json> read_sets(const std::string& path) {
  HEARTH_TRY(text, read_text_file(path, kMostBytes));
  HEARTH_TRY(file, Json::parse(text));
  HEARTH_TRY(of_processor, file.text("processor"));
  HEARTH_TRY(of_kernels, file.integer("kernels"));
  if (of_processor != processor() || of_kernels != kKernelVersion)
    return fail(ErrorCode::kBadFile, "it was measured on {} with kernels {}", of_processor, of_kernels);
  const Json* sets = file.find("instruction_sets");
  if (sets == nullptr || !sets->is_object()) return fail(ErrorCode::kBadFile, "instruction_sets is missing");
  return *sets;
}

}  // namespace

std::string tuning_file(const std::string& folder) {
  const std::string identity = fmt::format("{} kernels {}", processor(), kKernelVersion);
  return fmt::format("{}/{:016x}.json", folder, hash_bytes(std::as_bytes(std::span(identity))));
}

Result<void> save_tuning(const std::string& folder, const KernelTable& kernels, const ProductChoices& choices) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(ErrorCode::kCannotCreate, "{}: {}", folder, error.message());
  const std::string path = tuning_file(folder);
  auto known = read_sets(path);
  Json sets = known ? std::move(*known) : Json::object();  // what is damaged is replaced
  sets.set(kernels.isa, rows_json(choices));
  const Json file = Json::object({{"processor", processor()}, {"kernels", kKernelVersion}, {"instruction_sets", std::move(sets)}});
  return write_file(path, file.dump(1) + "\n");
}

std::optional<ProductChoices> load_tuning(const std::string& folder, const KernelTable& kernels) {
  if (folder.empty()) return {};
  const std::string path = tuning_file(folder);
  if (!file_exists(path)) return {};
  const auto sets = read_sets(path);
  const Json* rows = sets ? sets->find(kernels.isa) : nullptr;
  if (sets && rows == nullptr) return {};
  const auto choices = sets ? choices_of(*rows) : Result<ProductChoices>(Failure(sets.error()));
  if (!choices) {
    log::warn("{}: not used: {}; `hearth bench --tune` measures again", path, choices.error().text());
    return {};
  }
  log::info("kernels switch where `hearth bench --tune` measured for {}: {}", kernels.isa, path);
  return *choices;
}

}  // namespace hearth::ops::cpu
