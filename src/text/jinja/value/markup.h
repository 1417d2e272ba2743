#pragma once
// HTML in text: what Python's Markup (the safe filter) escapes and strips.
#include "text/jinja/value/traced.h"

namespace hearth::text::jinja {

Traced escape_html(const Traced& text);    // & < > ' "
Traced unescape_html(const Traced& text);  // the numeric and the most common named entities
Traced strip_tags(const Traced& text);     // without comments and tags, white space collapsed, entities resolved

}  // namespace hearth::text::jinja
