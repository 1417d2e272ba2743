#pragma once
// Hugging Face configuration as GGUF keys, so that one architecture file serves both. Read: every spelling that
// transformers 4 and 5 write. Keys without a GGUF spelling are "hearth.*"; docs/formats/gguf.md lists them.
#include <optional>
#include <string>

#include "base/json.h"
#include "base/metadata.h"
#include "base/result.h"

namespace hearth::checkpoint {

struct HuggingfaceConfig {
  const Json& config;                        // config.json
  const Json& generation;                    // generation_config.json, {} where absent
  const Json& tokenizer;                     // tokenizer_config.json, {} where absent
  const Json& quantization;                  // hf_quant_config.json of ModelOpt, {} where absent
  std::optional<std::string> chat_template;  // chat_template.jinja
};

// Errors: kBadFile names the file and key that has another type than it must. An unknown architecture is no error: it
// gets its class name in lower case and whatever generic keys its config fills.
Result<Metadata> huggingface_metadata(const HuggingfaceConfig& files);

}  // namespace hearth::checkpoint
