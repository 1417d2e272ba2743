#pragma once
// The functions every template has: range, dict, namespace, cycler, joiner, raise_exception, strftime_now.
#include <string_view>

#include "text/jinja/value/value.h"

namespace hearth::text::jinja {

Value find_global(std::string_view name);  // undefined where there is none

}  // namespace hearth::text::jinja
