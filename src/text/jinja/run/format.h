#pragma once
// Python's two ways to format: "%s of %d" % values, and "{} of {:>5}".format(values).
#include "text/jinja/run/interpreter.h"

namespace hearth::text::jinja {

// Errors: an unknown conversion, values too few, too many or of another type than the conversion wants.
Result<Value> format_percent(Interpreter& run, const Value& pattern, const Value& values);
Result<Value> format_braces(Interpreter& run, const Value& pattern, const Arguments& arguments);

// One value as format(value, spec) has it.
Result<Traced> format_value(Interpreter& run, const Value& value, std::string_view spec);

}  // namespace hearth::text::jinja
