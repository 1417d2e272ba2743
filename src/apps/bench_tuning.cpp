#include "apps/bench_tuning.h"

#include <cstdlib>

#include "apps/interrupt.h"
#include "base/cpu_info.h"
#include "ops/cpu/dispatch.h"
#include "ops/cpu/tuning.h"
#include "ops/cpu/tuning_file.h"

namespace hearth::apps {

namespace {

using ops::cpu::LayoutChoices;
using ops::cpu::ProductChoices;

std::string rows_text(uint32_t rows) { return rows == UINT32_MAX ? "all" : std::to_string(rows); }

std::string from_text(uint32_t rows) { return rows == UINT32_MAX ? "never" : std::to_string(rows); }

std::string text_of(const LayoutChoices& choices, bool has_tiles) {
  const std::string tiles = has_tiles ? from_text(choices.tile_rows) : "-";
  return fmt::format("{:>8}{:>8}{:>8}{:>8}{:>8}", rows_text(choices.direct_rows), tiles, from_text(choices.fetch_rows), choices.fetch_steps,
                     choices.two_panels ? "two" : "one");
}

Json json_of(const LayoutChoices& choices) {
  return Json::object({{"direct_rows", choices.direct_rows}, {"tile_rows", choices.tile_rows},
                       {"fetch_rows", choices.fetch_rows}, {"fetch_steps", choices.fetch_steps},
                       {"two_panels", choices.two_panels}});
}

double load_average() {
  double load = 0;
  ::getloadavg(&load, 1);
  return load;
}

void tell(const Console& console, const ops::cpu::KernelTable& kernels, const ProductChoices& measured, const std::string& path) {
  const ProductChoices built_in = ops::cpu::product_choices(kernels);
  std::string text = fmt::format("{}, {} kernels: rows up to which weights are unpacked in registers, rows from which tiles are\n"
                                 "used, rows from which weights are fetched ahead, by how many steps, and panels that one row reads by\n"
                                 "turns; built in, and measured\n\n"
                                 "{:<10}{:>8}{:>8}{:>8}{:>8}{:>8}   {:>8}{:>8}{:>8}{:>8}{:>8}\n",
                                 cpu_model_name(), kernels.isa, "packed as", "direct", "tiles", "fetch", "ahead", "panels", "direct", "tiles",
                                 "fetch", "ahead", "panels");
  Json layouts = Json::object();
  for (size_t layout = 0; layout < measured.size(); ++layout) {
    const quant::Format* format = ops::cpu::format_of_layout(layout);
    if (format == nullptr) continue;
    const bool has_tiles = ops::cpu::has_tile_choice(kernels, layout);
    text += fmt::format("{:<10}{}   {}\n", format->name, text_of(built_in[layout], has_tiles), text_of(measured[layout], has_tiles));
    layouts.set(format->name, Json::object({{"built_in", json_of(built_in[layout])}, {"measured", json_of(measured[layout])}}));
  }
  if (console.json())
    console.print_json(Json::object({{"isa", kernels.isa}, {"file", path}, {"layouts", std::move(layouts)}}));
  else
    console.print(text + fmt::format("\nkept in {} and used from the next start on; --no-tuned ignores it\n", path));
}

}  // namespace

Result<void> tune_kernels(const Console& console, const service::ModelOptions& model) {
  HEARTH_TRY(kernels, ops::cpu::choose_table(model.isa));
  const std::string folder = service::tuning_folder();
  if (folder.empty())
    return fail(ErrorCode::kCannotCreate, "there is no folder to keep measurements in; set XDG_STATE_HOME or HOME");
  ThreadPool pool(model.threads != 0 ? model.threads : granted_cpus());
  const InterruptFlag interrupt(InterruptFlag::Second::kEndsTheProgram);
  ops::cpu::TuningOptions options;
  if (const double load = load_average(); load > 0.5)
    console.note(fmt::format("other work runs here (load average {:.1f}): tune an idle machine", load));
  {
    ProgressLine line(console, "tuning");
    options.layout_done = [&](size_t done, size_t total) {
      line.update(done, total);
      return !interrupt.raised();
    };
    HEARTH_TRY(choices, ops::cpu::tune(*kernels, pool, options));
    HEARTH_TRY_VOID(ops::cpu::save_tuning(folder, *kernels, choices));
    tell(console, *kernels, choices, ops::cpu::tuning_file(folder));
  }
  return {};
}

}  // namespace hearth::apps
