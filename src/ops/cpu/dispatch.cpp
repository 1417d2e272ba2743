#include "ops/cpu/dispatch.h"

#include <cstdlib>
#include <string>

#include "base/cpu_info.h"

namespace hearth::ops::cpu {

extern const KernelTable kScalar;
#if defined(__x86_64__)
extern const KernelTable kAvx2, kAvx512;
static constexpr const KernelTable* kBestFirst[] = {&kAvx512, &kAvx2, &kScalar};
#else
static constexpr const KernelTable* kBestFirst[] = {&kScalar};
#endif

static bool usable(const KernelTable& table) { return (table.needs & ~cpu_features()) == 0; }

std::span<const KernelTable* const> all_tables() { return kBestFirst; }

std::vector<const KernelTable*> usable_tables() {
  std::vector<const KernelTable*> tables;
  for (const KernelTable* table : kBestFirst)
    if (usable(*table)) tables.push_back(table);
  return tables;
}

Result<const KernelTable*> choose_table(std::string_view isa) {
  const char* forced = std::getenv("HEARTH_ISA");
  if (isa.empty() && forced != nullptr) isa = forced;
  if (isa.empty()) return usable_tables().front();
  std::string known;
  for (const KernelTable* table : kBestFirst) {
    known += std::string(known.empty() ? "" : ", ") + table->isa;
    if (table->isa != isa) continue;
    if (usable(*table)) return table;
    return fail(ErrorCode::kConfig, "instruction set {} needs {}; this machine has {}", isa, cpu_feature_names(table->needs),
                cpu_feature_names(cpu_features()));
  }
  return fail(ErrorCode::kConfig, "unknown instruction set {}; known are {}", isa, known);
}

}  // namespace hearth::ops::cpu
