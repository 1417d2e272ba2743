#pragma once
// Hugging Face tensor names in GGUF's spelling: "model.layers.7.mlp.up_proj.weight" is "blk.7.ffn_up.weight".
// The table is names.def; docs/formats/gguf.md lists what each canonical tensor is.
#include <string>
#include <string_view>

namespace hearth::checkpoint {

struct CanonicalName {
  std::string text;              // the file's own name where the table has no line for it
  bool known = false;            // the table has one
  bool drops_unit_axis = false;  // stored as (rows, 1, columns), meant as (rows, columns)
};

// `arch` is general.architecture: a few names mean different things in different families.
CanonicalName canonical_name(std::string_view file_name, std::string_view arch);

}  // namespace hearth::checkpoint
