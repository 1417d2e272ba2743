#include "ops/cpu/dispatch.h"

#include <cstdlib>
#include <string>

#include "base/cpu_info.h"

namespace hearth::ops::cpu {

extern const KernelTable kScalar;
#if defined(__x86_64__)
extern const KernelTable kAvx2, kAvx512;
namespace avx2_vnni { extern const ProductTable kProducts; }
namespace avx512_bf16 { extern const ProductTable kProducts; }
namespace amx {
extern const ProductTable kProducts;
extern const AttentionKernels kAttention;
}
#endif

namespace {

bool usable(const KernelTable& table) { return has_cpu_features(table.needs); }

#if defined(__x86_64__)
// `base` with other products, where `own` has them, and perhaps with other attention.
struct Variant {
  Variant(const char* isa, uint32_t needs, const KernelTable& base, const ProductTable& own, const AttentionKernels* attention = nullptr)
      : products(own), table(base) {
    for (size_t i = 0; i < Layouts::kCount; ++i)
      if (products.of[i] == nullptr) products.of[i] = base.products->of[i];
    table.isa = isa;
    table.needs |= needs;
    table.products = &products;
    if (attention != nullptr) table.attention = *attention;
  }
  Variant(const Variant&) = delete;

  ProductTable products;
  KernelTable table;
};
#endif

}  // namespace

std::span<const KernelTable* const> all_tables() {
#if defined(__x86_64__)
  static const Variant of_amx("amx", kCpuAmxInt8 | kCpuAmxBf16 | kCpuAvx512Bf16, kAvx512, amx::kProducts, &amx::kAttention);
  static const Variant of_bf16("avx512_bf16", kCpuAvx512Bf16, kAvx512, avx512_bf16::kProducts);
  static const Variant of_vnni("avx2_vnni", kCpuAvxVnni, kAvx2, avx2_vnni::kProducts);
  // VDPBF16PS multiplies at twice the rate of f32 on AMD (Zen 4), at half of it on Intel (Sapphire Rapids).
  static const bool is_bf16_fast = cpu_maker() == CpuMaker::kAmd;
  static const KernelTable* const best_first[] = {&of_amx.table, is_bf16_fast ? &of_bf16.table : &kAvx512,
                                                  is_bf16_fast ? &kAvx512 : &of_bf16.table, &of_vnni.table, &kAvx2, &kScalar};
#else
  static const KernelTable* const best_first[] = {&kScalar};
#endif
  return best_first;
}

std::vector<const KernelTable*> usable_tables() {
  std::vector<const KernelTable*> tables;
  for (const KernelTable* table : all_tables())
    if (usable(*table)) tables.push_back(table);
  return tables;
}

Result<const KernelTable*> choose_table(std::string_view isa) {
  const char* forced = std::getenv("HEARTH_ISA");
  if (isa.empty() && forced != nullptr) isa = forced;
  if (isa.empty()) return usable_tables().front();
  std::string known;
  for (const KernelTable* table : all_tables()) {
    known += std::string(known.empty() ? "" : ", ") + table->isa;
    if (table->isa != isa) continue;
    if (usable(*table)) return table;
    return fail(ErrorCode::kConfig, "instruction set {} needs {}; this machine has {}", isa, cpu_feature_names(table->needs),
                cpu_feature_names(cpu_features()));
  }
  return fail(ErrorCode::kConfig, "unknown instruction set {}; known are {}", isa, known);
}

}  // namespace hearth::ops::cpu
