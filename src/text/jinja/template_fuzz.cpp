// libFuzzer target: any bytes as a template, over a small conversation. Every input ends with a text or an error.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/jinja/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace hearth::text::jinja;
  constexpr Limits kLimits{.work = 200'000, .depth = 300, .output = 1 << 20};
  static const hearth::Json kMessages = *hearth::Json::parse(R"([{"role":"user","content":"Hi <b>"},
      {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":{"a":[1,2.5,true]}}}]}])");
  const auto parsed = Template::parse({reinterpret_cast<const char*>(bytes), size});
  if (!parsed) return 0;
  const Variables variables = {{"messages", Value::from_json(kMessages, true)},
                               {"tools", Value::none()},
                               {"add_generation_prompt", Value(true)}};
  const auto text = parsed->render(variables, 1'700'000'000, kLimits);
  HEARTH_CHECK(!text || text->size() <= kLimits.output, "a rendering is larger than its bound");
  return 0;
}
