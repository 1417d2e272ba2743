// What templates compute, against Jinja2's own outputs and by a few cases written out; what hostile ones may not do.
#include "text/jinja/template.h"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <random>
#include <sstream>

#include "runner/shared_data.h"

namespace hearth::text::jinja {
namespace {

Json read_json(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  auto json = Json::parse(text.str());
  EXPECT_TRUE(json.has_value()) << path;
  return json ? *json : Json();
}

Variables variables_of(const Json& object) {
  Variables variables;
  for (const auto& [name, value] : object.as_object()) variables[name] = Value::from_json(value, /*input=*/true);
  return variables;
}

Result<std::string> run(std::string_view source, const Variables& variables = {}, const Limits& limits = {}) {
  HEARTH_TRY(parsed, Template::parse(source));
  HEARTH_TRY(text, parsed.render(variables, 1'700'000'000, limits));
  return text.bytes();
}

TEST(JinjaExpressions, EqualJinja2) {
  setenv("TZ", "UTC", 1);
  tzset();
  const Json golden = read_json(testing::source_path("tests/golden/chat_template/expressions.json"));
  ASSERT_TRUE(golden.is_object());
  const Variables variables = variables_of(*golden.find("variables"));
  const auto& cases = golden.find("cases")->as_array();
  for (const Json& one : cases) {
    const std::string& source = one.as_array()[0].as_string();
    const Json& expected = one.as_array()[1];
    const auto text = run(source, variables);
    if (expected.is_null()) EXPECT_FALSE(text.has_value()) << source << "\ngave " << *text;
    else if (!text) ADD_FAILURE() << source << "\n" << text.error().text();
    else EXPECT_EQ(*text, expected.as_string()) << source;
  }
  EXPECT_GT(cases.size(), 3000u);
  testing::count_cases("template expressions", cases.size());
}

TEST(JinjaNumbers, IntegersBeyond64BitsAreExactAndNotCalculatedWith) {
  const Variables variables = variables_of(*Json::parse(
      R"({"big": 123456789012345678901234567890, "next": 123456789012345678901234567891, "low": -9223372036854775809, "f": 1.5, "e": 1e5,
          "whole": 18446744073709551616, "huge": 1E400})"));
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"{{ big }} {{ low }} {{ [big] }}", "123456789012345678901234567890 -9223372036854775809 [123456789012345678901234567890]"},
      {"{{ {'n': [big, low], 'f': f, 'e': e, 'i': huge} | tojson }}",
       R"({"n": [123456789012345678901234567890, -9223372036854775809], "f": 1.5, "e": 100000.0, "i": Infinity})"},
      {"{{ {big: 1} | tojson }}", R"({"123456789012345678901234567890": 1})"},
      {"{{ big is number }} {{ big is integer }} {{ big is float }} {{ big is iterable }} {{ big is string }}", "True True False False False"},
      {"{{ big == big }} {{ big == next }} {{ big < next }} {{ next < big }} {{ low < 0 }} {{ low < big }} {{ big > 3 }}",
       "True False True False True True True"},
      {"{{ big > f }} {{ low < f }} {{ whole == 2.0 ** 64 }} {{ whole < 2.0 ** 65 }} {{ big < huge }} {{ low < -huge }}",
       "True True True True True False"},
      {"{{ [big, 3, low, next] | sort }}",
       "[-9223372036854775809, 3, 123456789012345678901234567890, 123456789012345678901234567891]"},
      {"{{ {big: 'a', next: 'b'}[next] }} {{ 'yes' if big }} {{ big | int }} {{ big | string }} {{ big | round }} {{ +big }} {{ big | abs }}",
       "b yes 123456789012345678901234567890 123456789012345678901234567890 123456789012345678901234567890 123456789012345678901234567890 "
       "123456789012345678901234567890"},
      {"{{ whole | float }} {{ '%s' % low }} {{ '{}'.format(low) }} {{ '%.1f' % whole }}",
       "1.8446744073709552e+19 -9223372036854775809 -9223372036854775809 18446744073709551616.0"},
  };
  for (const auto& [source, expected] : kCases) {
    const auto text = run(source, variables);
    ASSERT_TRUE(text.has_value()) << source << "\n" << text.error().text();
    EXPECT_EQ(*text, expected) << source;
  }
  for (const char* source : {"{{ big + 1 }}", "{{ 1.5 * big }}", "{{ -big }}", "{{ low | abs }}", "{{ big | round(-3) }}", "{{ '%d' % big }}",
                             "{{ '{:,}'.format(big) }}", "{{ big is even }}", "{{ [big, 1] | sum }}", "{{ 'a' * big }}", "{{ [1][big:] }}"})
    EXPECT_FALSE(run(source, variables).has_value()) << source;
}

TEST(JinjaErrors, NameTheLineAndTheCause) {
  const std::pair<std::string_view, std::string_view> kCases[] = {
      {"a\nb{% if x %}\n", "chat template line 2: expected '{% endif %}', got the end of the template"},
      {"{{ x }\n}", "chat template line 1: unexpected '}'"},
      {"\n\n{{ messages[0].role.x.y }}", "chat template line 3: 'messages' is undefined"},
      {"{{ {}.a.b }}", "chat template line 1: 'dict object' has no attribute 'a'"},
      {"{{ raise_exception('only users here') }}", "chat template line 1: only users here"},
      {"\n{% include 'x' %}", "chat template line 2: '{% include %}' is not supported in chat templates"},
      {"{{ 'a' | shout }}", "chat template line 1: no filter is named 'shout'"},
      {"{{ 'a' | replace('b') }}", "chat template line 1: 'replace' misses its argument 'new'"},
      {"{% set s = 'a' %}{% set s.x = 1 %}",
       "chat template line 1: cannot assign to an attribute of 's', which is no namespace"},
  };
  for (const auto& [source, expected] : kCases) {
    const auto text = run(source);
    ASSERT_FALSE(text.has_value()) << source;
    EXPECT_EQ(text.error().text(), expected);
  }
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(JinjaHostile, BombsEndWithAnErrorInTime) {
  std::string many_names;
  for (int i = 0; i < 5000; ++i) many_names += fmt::format("{{% set a{} = 1 %}}", i);
  const std::string cases[] = {
      "{{ 'a' * 10**9 }}",
      "{{ [0] * 10**9 }}",
      "{{ range(10**9) | list }}",
      "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}{% endfor %}{% endfor %}{% "
      "endfor %}",
      "{% for a in range(100000) %}{% for b in range(1000) %}0123456789{% endfor %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{% macro f() %}{% call f() %}{% endcall %}{% endmacro %}{{ f() }}",
      "{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = [ns.x] %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, "
      "ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
      "{% set ns = namespace(x='aaaaaaaaaaaaaaaa') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      "{% set ns = namespace(x='a') %}{% for i in range(100) %}{% set ns.x = ns.x | replace('a', "
      "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') %}{% endfor %}",
      "{% set ns = namespace(x='ab') %}{% for i in range(100) %}{% set ns.x = ns.x.join([ns.x] * 1000) %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(100000) %}{% set ns.x = ns.x | map('string') %}{% endfor %}{{ "
      "ns.x | list }}",
      "{% set ns = namespace(x='a') %}{% for i in range(100000) %}{% set ns.x = {'k': ns.x}.get %}{% endfor %}",
      "{{ 'x'.center(10**12) }}",
      "{{ '%1000000000s' % 'x' }}",
      "{{ '{:>1000000000}'.format('x') }}",
      "{{ 'a\nb' | indent(10**9) }}",
      "{{ {'a': [1]} | tojson(indent=10**9) }}",
      "{{ [1] | batch(10**9, 0) | list }}",
      "{{ [1] | slice(10**9) | list }}",
      "{{ 2 ** 1000000 }}",
      "{{ " + repeated("(", 100000),
      "{{ " + repeated("(", 5000) + "1" + repeated(")", 5000) + " }}",
      "{{ " + repeated("[", 50000),
      "{{ " + repeated("not ", 50000) + "x }}",
      "{{ " + repeated("-", 50000) + "1 }}",
      "{{ 1" + repeated(" + 1", 50000) + " }}",
      "{{ x" + repeated(".y", 50000) + " }}",
      "{{ x" + repeated("|e", 50000) + " }}",
      "{{ 1" + repeated(" if 1 else 1", 50000) + " }}",
      repeated("{% if x %}", 50000),
      repeated("{% for x in y %}", 50000),
      repeated("{% macro m() %}", 50000),
      "{% set " + repeated("(", 50000) + " = 1 %}",
      "{% set s = 'a' * 10000 * 10000 %}{% for i in range(100000) %}{% if s.replace('b', '') %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 10000 %}{% for i in range(100000) %}{% if s | length %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 10000 %}{% for i in range(100000) %}{% if s[-1] %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 10000 %}{% for i in range(100000) %}{% if s.ljust(1) %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 10000 %}{% for i in range(100000) %}{% if s.removeprefix('a') %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 10000 %}{% for i in range(100000) %}{% if s is lower %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 10000 %}{% for i in range(100000) %}{% if s is sameas s %}{% endif %}{% endfor %}",
      "{% set s = '1' * 10000 * 10000 %}{% for i in range(100000) %}{% if s | int %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 10000 %}{% for i in range(100000) %}{% if s.startswith(s) %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 100 %}{% set b = 'a' * 5000 * 100 ~ 'b' %}{% for i in range(100000) %}{% if b in s %}{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 100 %}{{ s.rfind('b' ~ 'a' * 5000 * 100) }}",
      "{% set s = 'a' * 10000 * 100 %}{{ s.rsplit('b' ~ 'a' * 5000 * 100) }}",
      "{% set s = 'a' * 10000 * 100 %}{{ s.rpartition('b' ~ 'a' * 5000 * 100) }}",
      "{% set l = [1] * 100000 %}{% for i in range(100000) %}{% if loop.changed(l) %}{% endif %}{% endfor %}",
      "{% for i in range(100000) %}{% if 0 %}" + many_names + "{% endif %}{% endfor %}",
      "{% set s = 'a' * 10000 * 10000 %}{% set ns = namespace(l=[]) %}{% for i in range(100000) %}{% set ns.l = ns.l + [{}[s]] %}{% endfor %}",
  };
  for (const std::string& source : cases) {
    const auto begin = std::chrono::steady_clock::now();
    const auto text = run(source);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    EXPECT_FALSE(text.has_value()) << source.substr(0, 100);
    EXPECT_LT(seconds, 60) << source.substr(0, 100);  // a few seconds at most on an idle machine
  }
  EXPECT_FALSE(run("{{ ('a' * 10000) | list | length }}", {}, {.work = 30'000}));  // each character becomes a string
}

TEST(JinjaHostile, CyclesThroughNamespacesEnd) {
  EXPECT_TRUE(run("{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}{% set a.l = [a, b] %}{{ "
                  "a.b.a.l | length }}")
                  .has_value());
  EXPECT_TRUE(run("{% set a = namespace() %}{% macro m() %}{{ a }}{% endmacro %}{% set a.m = m %}{% for i in [1] %}{% "
                  "set a.l = loop %}{{ loop.changed(loop) }}{% endfor %}{{ a.m() }}")
                  .has_value());
}

TEST(JinjaHostile, ObjectsMayOutliveWhereTheyWereMade) {
  const auto text =
      run("{% set ns = namespace() %}"
          "{% macro make(x) %}{% macro inner() %}<{{ x }}>{% endmacro %}{% set ns.inner = inner %}{% endmacro %}{{ "
          "make(1) }}{{ ns.inner() }}"
          "{% macro loops(n) %}{% for i in [1, 2, 3] if i != n %}{% set ns.loop = loop %}{% break %}{% endfor %}{% "
          "endmacro %}{{ loops(2) }}{{ ns.loop.length }}{{ ns.loop.nextitem }}"
          "{% for i in [4, 5] | map('string') %}{% set ns.loop = loop %}{% break %}{% endfor %}{{ ns.loop.nextitem }}");
  ASSERT_TRUE(text.has_value()) << text.error().text();
  EXPECT_EQ(*text, "<1>235");
}

// Templates cut at every byte, and with bytes changed at random: any outcome but a crash or a hang.
TEST(JinjaHostile, BrokenTemplatesEnd) {
  const Json golden = read_json(testing::source_path("tests/golden/chat_template/expressions.json"));
  const Variables variables = variables_of(*golden.find("variables"));
  const Limits limits{.work = 20'000, .depth = 200, .output = 100'000};
  std::mt19937 random(5);
  size_t count = 0;
  for (const Json& one : golden.find("cases")->as_array()) {
    const std::string& source = one.as_array()[0].as_string();
    for (size_t n = 0; n < 3; ++n, ++count) {
      std::string broken = source.substr(0, random() % (source.size() + 1));
      for (size_t i = 0; i < n && !broken.empty(); ++i)
        broken[random() % broken.size()] = "{}%()[]|.,'\"-+*\nx1"[random() % 18];
      const auto text = run(broken, variables, limits);
      EXPECT_TRUE(text.has_value() || !text.error().message.empty());
    }
  }
  testing::count_cases("broken templates", count);
}

}  // namespace
}  // namespace hearth::text::jinja
