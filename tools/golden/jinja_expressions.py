#!/usr/bin/env python3
"""Golden outputs of expressions and small templates of our own, by Jinja2 in the environment of transformers.

    tools/golden/jinja_expressions.py [COUNT]    writes tests/golden/chat_template/expressions.json

The set is made of hand-written templates (semantics that are easy to get wrong) and of expressions generated from a seed.
"""
import copy
import random
import re
import sys

import chat_template as golden

VARIABLES = {
    "n": 7, "z": 0, "m": -3, "f": 2.5, "g": -0.1, "t": True, "b": False, "o": None, "s": "Hello, World", "e": "", "u": "Größe ﬁ 漢字 🦊",
    "w": "  two words \n", "l": [3, 1, 2], "k": ["b", "A", "c"], "d": {"a": 1, "b": [1, 2], "get": "x"}, "q": [],
    "r": [{"name": "Ann", "age": 31, "tags": ["x"]}, {"name": "bob", "age": 25}, {"name": "Cy", "age": 31, "tags": []}],
    "x": [[1, "one"], [2, "two"]], "deep": {"a": {"b": {"c": [10, 20, {"d": "end"}]}}},
}

HAND = r"""
{{ 1 if b }}|{{ (1 if b) is defined }}
{{ nope }}|{{ nope is defined }}|{{ nope.x is defined if false else 'skipped' }}
{{ nope.x }}
{{ d.nope }}|{{ d.nope is defined }}|{{ d['items'] is defined }}|{{ d.items is callable }}
{{ d['get'] }}|{{ d.get('a') }}|{{ d['a'] }}
{% for i in l %}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }},{% endfor %}
{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}
{% for i in l if i > 1 %}{{ loop.index }}/{{ loop.length }}:{{ i }} {% else %}none{% endfor %}
{% for i in q %}x{% else %}none{% endfor %}
{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}
{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% for i in [1] %}{% break %}{% else %}else after break{% endfor %}
{% for i in [1,2] %}{% if i == 2 %}{% continue %}{% endif %}{% else %}else{% endfor %}
{% for a, b in x %}{{ a }}={{ b }};{% endfor %}{{ b }}
{% for a in x %}{{ loop.cycle('odd', 'even') }}{% endfor %}
{% for a in [1,1,2] %}{{ loop.changed(a) }}{% endfor %}
{% for node in r recursive %}{{ node.name }}{{ loop.depth }}{% if node.tags %}({{ loop([{'name': 'sub'}]) }}){% endif %}{% endfor %}
{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}
{% set y = 1 %}{% for i in l %}{% set y = y + i %}{{ y }},{% endfor %}{{ y }}
{% set ns = namespace(y=1) %}{% for i in l %}{% set ns.y = ns.y + i %}{% endfor %}{{ ns.y }}
{% if true %}{% set y = 5 %}{% endif %}{{ y }}
{% if false %}{% set n = 5 %}{% endif %}{{ n }}
{{ n }}{% set n = 5 %}{{ n }}
{% for i in [1] %}{{ n }}{% endfor %}{% set n = 5 %}
{% macro show() %}{{ n }}{% endmacro %}{{ show() }}{% set n = 5 %}{{ show() }}
{% macro f(a, b='x', c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}{{ f(1, 2) }}{{ f(1, c=3) }}{{ f(b=4, a=9) }}{{ f() }}
{% macro f(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, z=4) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(zz=2) }}
{% macro outer() %}{{ inner() }}{% endmacro %}{% macro inner() %}in{% endmacro %}{{ outer() }}
{% macro fact(n) %}{% if n > 1 %}{{ n }}*{{ fact(n - 1) }}{% else %}1{% endif %}{% endmacro %}{{ fact(5) }}
{{ early() }}{% macro early() %}x{% endmacro %}
{% macro dialog(title) %}<{{ title }}>{{ caller() }}</{{ title }}>{% endmacro %}{% call dialog('a') %}inner {{ n }}{% endcall %}
{% macro each(items) %}{% for i in items %}{{ caller(i) }}{% endfor %}{% endmacro %}{% call(v) each(l) %}[{{ v }}]{% endcall %}
{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}
{% macro f() %}x{% endmacro %}{{ f.name }}{{ f.arguments }}{{ f.caller }}
{% filter upper %}abc {{ s }}{% endfilter %}
{% set body %}  text {{ n }}{% endset %}[{{ body }}]
{% set body | trim | upper %}  text {% endset %}[{{ body }}]
{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% with %}{% set n = 3 %}{{ n }}{% endwith %}{{ n }}
{% set a, c = 1, 2 %}{{ a }}{{ c }}
{% set a, c = 1, 2, 3 %}
{% set d.x = 1 %}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% generation %}{{ s }}{% set inside = 1 %}{% endgeneration %}{{ inside is defined }}
{% raw %}{{ x }} {% if %}{% endraw %} after
{%- raw -%}  {{ x }}  {%- endraw -%}  after
a {#- comment -#} b {# c #} d
{% if t -%}  x  {%- endif %} y
  {% if t %}x{% endif %}
  {%+ if t %}x{% endif +%}
line
{%- if t %}

  a
{% endif %}

b
{{ s }}
{{- s -}}
 x
{{ "a" "b" }}{{ 'it\'s' }}{{ "tab\tnl\\n\x41\u00e9\101" }}{{ "\q\é" }}
{{ 'a' ~ 1 ~ none ~ nope ~ [1] ~ 2.0 }}
{{ 1 < 2 < 3 }}{{ 1 < 2 > 3 }}{{ 3 > 2 == 2 }}{{ not 1 == 2 }}{{ not 'a' in s }}{{ 'a' not in s }}
{{ 2 ** 3 ** 2 }}{{ -2 ** 2 }}{{ 2 ** -1 }}{{ (-8) // 3 }}{{ -8 % 3 }}{{ 8 % -3 }}{{ 7.5 // 2 }}{{ -7.5 % 2 }}
{{ 1 / 2 }}{{ 4 / 2 }}{{ 1 // 0 }}
{{ 1 / 0 }}
{{ 1e100 }}{{ 1e16 }}{{ 123456789012345.0 }}{{ 1e-5 }}{{ 0.0001 }}{{ 1.0 }}{{ -0.0 }}{{ 3.14e10 }}
{{ 1_000 }}{{ 0x1F }}{{ 0b101 }}{{ 0o17 }}{{ 1_0.5_0 }}
{{ [1, 'a', none, true, 2.5, {'k': (1,)}] }}{{ () }}{{ (1, 2) }}{{ {} }}{{ {1: 2, 'a': "it's", none: 'x"y'} }}
{{ "a\nb\t\x00\u200b'\"" | list }}
{{ ['a\nb', "it's", 'q"', '\\', 'é', '\u200b', '🦊'] }}
{{ l[0] }}{{ l[-1] }}{{ l[9] is defined }}{{ l[1:] }}{{ l[::-1] }}{{ l[:-1] }}{{ l[5:] }}{{ s[::2] }}{{ s[-3:] }}{{ u[1:3] }}{{ u[::-1] }}
{{ l['x'] is defined }}{{ s['upper']() }}{{ d[[1]] is defined }}{{ d[1:2] }}
{{ none.x is defined }}{{ n.x is defined }}{{ none[0] is defined }}
{{ x[0][1] }}{{ deep.a.b.c[2].d }}{{ deep.a.b.c.0 }}{{ deep['a']['b'] }}
{{ l.append(4) }}
{{ d.update({}) }}
{{ l.append is defined }}{{ d.pop is defined }}{{ s.__class__ is defined }}
{{ l.count(1) }}{{ l.index(2) }}{{ l.copy() }}{{ d.keys() }}{{ d.values() }}{{ d.items() }}{{ d.keys() | list }}
{{ range(3) }}{{ range(1, 10, 3) | list }}{{ range(5, 0, -2) | list }}{{ range(3)[1] }}{{ range(0) | length }}{{ 2 in range(3) }}
{{ range(100001) | length }}
{{ dict(a=1, b=2) }}{{ dict([['x', 1]]) }}{{ dict({'a': 1}, a=2) }}
{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set j = joiner('|') %}{{ j() }}{{ j() }}
{{ raise_exception('no: ' ~ n) }}
{{ strftime_now('%Y-%m-%d %H:%M:%S %d %b %B %j %% %f') }}
{{ s is string }}{{ s is iterable }}{{ s is sequence }}{{ d is mapping }}{{ d is sequence }}{{ nope is iterable }}{{ nope is sequence }}{{ nope is callable }}
{{ 5 is odd }}{{ 5 is even }}{{ 6 is divisibleby 3 }}{{ 6 is divisibleby(4) }}{{ 2 is in [1, 2] }}{{ 1 is eq 1.0 }}{{ 1 is sameas true }}{{ true is sameas true }}
{{ true is integer }}{{ true is number }}{{ 1 is float }}{{ 1.5 is float }}{{ none is none }}{{ nope is none }}{{ true is boolean }}{{ 1 is true }}
{{ 'upper' is filter }}{{ 'nope' is filter }}{{ 'odd' is test }}{{ 'ABC' is upper }}{{ 'abc' is lower }}
{{ s is nope }}
{{ s | nope }}
{% if false %}{{ s | nope }}{% endif %}ok
{% if false %}{% for i in l %}{{ s | nope }}{% endfor %}{% endif %}ok
{{ (s | nope) if false else 'ok' }}
{% break %}
{% for loop in l %}{% endfor %}
{% for i in l %}{% set loop = 1 %}{% endfor %}
{% include 'x' %}
{% do l %}
{{ r | map(attribute='name') | join(', ') }}{{ r | map(attribute='nope', default='-') | join }}{{ k | map('upper') | list }}{{ l | map('string') | join('+') }}
{{ r | selectattr('tags') | map(attribute='name') | list }}{{ r | selectattr('age', 'gt', 30) | list | length }}{{ r | rejectattr('age', 'equalto', 25) | map(attribute='name') | list }}
{{ l | select('odd') | list }}{{ l | reject('odd') | list }}{{ [0, 1, none, ''] | select | list }}{{ r | selectattr('tags', 'defined') | list | length }}
{{ k | sort }}{{ k | sort(reverse=true) }}{{ k | sort(case_sensitive=true) }}{{ r | sort(attribute='age') | map(attribute='name') | list }}{{ r | sort(attribute='age,name') | map(attribute='name') | list }}
{{ d | dictsort }}
{{ {'b': 1, 'A': 2} | dictsort }}{{ {'b': 1, 'A': 2} | dictsort(true) }}{{ {'b': 1, 'A': 2} | dictsort(by='value', reverse=true) }}
{% for age, people in r | groupby('age') %}{{ age }}:{{ people | map(attribute='name') | join('/') }};{% endfor %}
{% for g in r | groupby('age') %}{{ g.grouper }}={{ g.list | length }};{% endfor %}
{{ [1, 2, 3, 4, 5] | batch(2) | list }}{{ [1, 2, 3] | batch(2, 'x') | list }}{{ [1, 2, 3, 4, 5] | slice(2) | list }}{{ [1, 2, 3] | slice(2, 0) | list }}
{{ ['a', 'A', 'b'] | unique | list }}{{ ['a', 'A'] | unique(true) | list }}{{ l | min }}{{ l | max }}{{ k | max }}{{ q | min is defined }}{{ l | sum }}{{ r | sum(attribute='age') }}
{{ l | first }}{{ l | last }}{{ s | first }}{{ s | last }}{{ d | first }}{{ q | first is defined }}{{ l | reverse | list }}{{ s | reverse }}{{ l | length }}{{ u | length }}{{ u | count }}
{{ n | length }}
{{ nope | default('x') }}{{ e | default('x') }}{{ e | default('x', true) }}{{ none | d('y') }}{{ none | d('y', boolean=true) }}{{ nope | default }}
{{ s | upper }}{{ s | lower }}{{ u | upper }}{{ 'ß' | upper }}{{ 'hello wORLD-foo (bar' | title }}{{ 'hELLO' | capitalize }}{{ w | trim }}|{{ 'xxaxx' | trim('x') }}
{{ 'ΑΣ' | lower }}{{ 'ǅ' | upper }}{{ 'ﬁx' | title }}{{ 'ŉ'.title() }}{{ 'İ' | lower }}{{ 'Straße'.casefold() }}{{ "they're bill's".title() }}
{{ s | replace('l', 'L') }}{{ s | replace('l', 'L', 1) }}{{ 'aaa' | replace('', '-') }}{{ 5 | replace(5, 6) }}{{ s | wordcount }}{{ s | center(20) }}|
{{ 'a\nb\n\nc' | indent }}|{{ 'a\nb' | indent(2, true) }}|{{ 'a\n\nb' | indent(blank=true) }}|{{ 'a\nb' | indent('> ') }}|{{ 'a\n' | indent }}|
{{ 'foo bar baz qux' | truncate(9) }}|{{ 'foo bar baz qux' | truncate(9, true) }}|{{ 'foo bar baz' | truncate(9, false, '...', 0) }}|{{ 'foo' | truncate(5) }}
{{ '42' | int }}{{ '4.9' | int }}{{ 'x' | int }}{{ 'x' | int(3) }}{{ '0x1f' | int(base=16) }}{{ '1f' | int(base=16) }}{{ 3.9 | int }}{{ true | int }}{{ ' 7 ' | int }}{{ none | int }}{{ '-5' | int }}
{{ '2.5' | float }}{{ 'x' | float }}{{ 3 | float }}{{ 'inf' | float }}{{ '1_0' | float }}{{ '1e3' | float }}{{ '.5' | float }}{{ '5.' | float }}
{{ 2.5 | round }}{{ 3.5 | round }}{{ 2.675 | round(2) }}{{ 42.55 | round(1, 'floor') }}{{ 42.51 | round(1, 'ceil') }}{{ 42 | round }}{{ 1234 | round(-2) }}{{ -3 | abs }}{{ -2.5 | abs }}{{ true | abs }}
{{ '%s is %d and %.2f' | format('a', 5, 2.345) }}{{ '%(a)s' | format(a=1) }}{{ '%5d|%-5d|%05d|%+d|%x|%o|%e|%g' | format(1, 2, 3, 4, 255, 8, 12345.678, 0.0001) }}{{ '%%' | format() }}{{ '%r' | format('a') }}
{{ '%d' % 5 }}{{ '%s %s' % (1, 2) }}{{ '%s' % [1] }}
{{ '%s' % (1, 2) }}
{{ '{} {}'.format(1, 'a') }}{{ '{1}{0}'.format('a', 'b') }}{{ '{x}'.format(x=3) }}{{ '{:>5}|{:<5}|{:^5}|{:05d}|{:.2f}|{:,}|{:x}'.format('a', 'b', 'c', 42, 3.14159, 1234567, 255) }}{{ '{0[a]} {0.b}'.format(d) }}{{ '{!r}'.format('x') }}{{ '{{}}'.format() }}
{{ '{:.3}|{:.3g}|{:e}|{:%}|{:+}|{: }|{:#x}|{:b}|{:>{}}'.format(2.0, 1234567.0, 1.5, 0.25, 3, 4, 255, 5, 'r', 4) }}{{ '{:.3}'.format('abcdef') }}{{ '{:.2}|{:.1}|{:.5}'.format(123456.0, 9.99, 0.00001234) }}
{{ d | tojson }}{{ u | tojson }}{{ [1.0, 1e20, none, true, '<&>', "\n\x01\x7f"] | tojson }}{{ d | tojson(indent=2) }}{{ {} | tojson(indent=2) }}{{ d | tojson(separators=(',', ':')) }}{{ {'b': 1, 'a': 2} | tojson(sort_keys=true) }}{{ u | tojson(ensure_ascii=true) }}{{ {1: 2, none: 3, true: 4, 1.5: 5} | tojson }}
{{ nope | tojson }}
{{ d.items() | tojson }}
{{ ('a' | safe) ~ '<' }}{{ ('a' | safe) + '<' }}{{ '<' + ('a' | safe) }}{{ '<a href="x">' | e }}{{ '<' | escape | escape }}{{ '<' | e | forceescape }}{{ ['<', '&' | safe] | join('<') }}{{ ['x' | safe] }}
{{ '<p>a  <b>b</b></p><!-- c -->&amp;' | striptags }}{{ 'a b/ü?' | urlencode }}{{ {'a b': 'c&d'} | urlencode }}{{ {'class': 'x"y', 'id': none} | xmlattr }}{{ 1000000 | filesizeformat }}{{ 1 | filesizeformat }}{{ 2048 | filesizeformat(true) }}
{{ s.split() }}{{ s.split(', ') }}{{ 'a,b,,c'.split(',') }}{{ 'a,b,c'.split(',', 1) }}{{ 'a,b,c'.rsplit(',', 1) }}{{ w.split() }}{{ 'a  b c '.split(none, 1) }}{{ ' a b  c '.rsplit(none, 1) }}{{ ''.split() }}{{ ''.split(',') }}
{{ 'a\nb\r\nc\x0bd'.splitlines() }}{{ 'a\nb'.splitlines(true) }}{{ 'a-b-c'.partition('-') }}{{ 'a-b-c'.rpartition('-') }}{{ 'abc'.partition('x') }}
{{ s.startswith('He') }}{{ s.startswith(('x', 'He')) }}{{ s.endswith('ld') }}{{ s.startswith('W', 7) }}{{ s.find('o') }}{{ s.rfind('o') }}{{ s.find('zz') }}{{ s.index('o', 5) }}{{ s.count('l') }}{{ u.find('漢') }}
{{ s.index('zz') }}
{{ w.strip() }}|{{ w.lstrip() }}|{{ w.rstrip() }}|{{ 'xyabcyx'.strip('xy') }}|{{ 'abc'.strip('') }}|{{ 'a.b'.replace('.', '!', 5) }}|{{ 'abc'.ljust(5, '*') }}{{ 'abc'.rjust(5) }}{{ 'abc'.center(6, '-') }}{{ '-7'.zfill(5) }}{{ 'a\tb'.expandtabs(4) }}
{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('bc') }}{{ 'aBc'.swapcase() }}{{ ','.join(k) }}{{ 'abc'.isalpha() }}{{ 'ab1'.isalnum() }}{{ '12'.isdigit() }}{{ '²'.isdigit() }}{{ '²'.isdecimal() }}{{ ' '.isspace() }}{{ ''.isalpha() }}{{ 'Ab Cd'.istitle() }}{{ 'abc'.islower() }}{{ 'a_1'.isidentifier() }}
{{ ','.join(l) }}
{{ l + [4] }}{{ (1,) + (2,) }}{{ 'ab' * 3 }}{{ [0] * 2 }}{{ 2 * 'x' }}{{ 'a' * -1 }}{{ true + 1 }}{{ l + (1,) }}
{{ 'a' + 1 }}
{{ 'a' < 1 }}
{{ [1, 2] < [1, 3] }}{{ 'a' < 'b' }}{{ [1] == [1.0] }}{{ {'a': 1} == {'a': 1.0} }}{{ (1,) == [1] }}{{ none == false }}{{ '' == false }}{{ 0 == false }}{{ nope == nope2 }}{{ 1 == '1' }}
{{ 1 in 5 }}
{{ 1 in 'a1' }}
{{ 'a' in d }}{{ 1 in d.values() }}{{ 'x' in nope }}{{ ('a', 1) in d.items() }}{{ 'o, W' in s }}{{ '' in s }}
{{ s() }}
{{ -nope }}
{{ nope + 'a' }}
{{ [nope] }}{{ nope ~ 'a' }}{{ nope | string }}{{ nope | length }}{{ nope | list }}{{ nope == none }}{{ not nope }}{{ nope or 'x' }}{{ nope and 'x' }}
{{ 0 or 'a' }}{{ 1 and 0 }}{{ '' or none or [] }}{{ (1 and 2) or 3 }}
{% for x in nope %}{% else %}empty{% endfor %}{% for c in s %}{{ c }}.{% endfor %}{% for key in d %}{{ key }}{% endfor %}{% for key, v in d.items() %}{{ key }}{{ v }}{% endfor %}
{% for i in n %}{% endfor %}
{% for i in none %}{% endfor %}
{% for a, b in l %}{% endfor %}
{% set g2 = l | map('string') %}{{ g2 | list }}{{ g2 | list }}{{ g2 is sequence }}{{ g2 is iterable }}
{{ (l | map('string')) | length }}
{{ (l | select('odd'))[0] is defined }}{{ l | map('abs') | first }}{{ [1, 'x', none] | map('upper') | first }}{{ [[1], 5] | map('first') | first }}
{{ 'x' if n > 5 else 'y' if n else 'z' }}{{ ('a' if t) ~ ('b' if b) }}
{{ l | join(',') | upper | length }}{{ -n | abs }}{{ -3 | abs * 2 }}{{ 2 + 3 | string ~ 'x' }}{{ not t | string }}{{ n is odd and t }}{{ n is not even or b }}
{{ {'a': {'b': 1}}.a.b }}{{ [1, 2, 3][1] }}{{ 'abc'[1] }}{{ (1, 2)[0] }}{{ "a".upper() ~ 'b' }}{{ [[1, 2], [3]] | sum(start=[]) }}
{{ x | map('last') | list }}{{ x | map(attribute=1) | list }}{{ x | map(attribute='0') | list }}{{ dict(x) }}{{ 5 | string | list }}{{ true | string }}{{ none | string | length }}
{% if l %}{{ l }}{% elif q %}q{% else %}z{% endif %}{% if q %}q{% elif e %}e{% else %}else{% endif %}
{{ deep | tojson(indent=4) }}
{{ d | pprint }}{{ [1, 2] | pprint }}{{ 'a' | pprint }}
{{ d | attr('a') is defined }}{{ d | attr('items') is defined }}{{ d | items | list }}{{ nope | items | list }}
{% print s %}{% print 1, 2 %}
{{ [1, 2, 3,] }}{{ {'a': 1,} }}{{ (1,) }}{{ l[1,] is defined }}{{ dict(a=1,) }}
{{ }}
{{ 1 2 }}
{{ a b }}
{% if %}{% endif %}
{% if t %}
{% for %}{% endfor %}
{{ 'abc }}
{{ ] }}
{{ {] }}
{% endif %}
{% nope %}
{{ 1 +
{# open
{% raw %} x
{{ x is not }}
{{ f(a=1, 2) }}
{{ f(**{'a': 1}) }}
{% macro f(a, b) %}{{ a }}-{{ b }}{% endmacro %}{{ f(*[1, 2]) }}{{ f(**{'a': 3, 'b': 4}) }}{{ f(*[1], **{'b': 2}) }}
{% macro f(a=1, b) %}{% endmacro %}
{% set true = 1 %}
{% set 1 = 1 %}
{% set (a, c) = x[0] %}{{ a }}{{ c }}
{% set ns = namespace(v=0) %}{% macro inc() %}{% set ns.v = ns.v + 1 %}{% endmacro %}{{ inc() }}{{ inc() }}{{ ns.v }}
{% macro m() %}{% for i in l %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}{% endmacro %}{{ m() }}
{% for i in l %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% for i in l %}{% set body %}<{{ i }}{{ loop.index }}>{% endset %}{{ body }}{% endfor %}
{% filter replace('a', 'b') | upper %}banana{% endfilter %}
{% set v = 'outer' %}{% macro m() %}{% set v = 'inner' %}{{ v }}{% endmacro %}{{ m() }}{{ v }}
{% set v = 'outer' %}{% for i in [1, 2] %}{{ v }}{% set v = i %}{{ v }}{% endfor %}{{ v }}
{% for i in [1] %}{% if true %}{% set q2 = i %}{% endif %}{{ q2 }}{% endfor %}{{ q2 is defined }}
{% set ns = namespace(found=false) %}{% for m in r if m.age == 31 and not ns.found %}{{ m.name }}{% set ns.found = true %}{% endfor %}
{% for m in r %}{% if not loop.last and r[loop.index].age == 25 %}{{ m.name }}{% endif %}{% endfor %}
{{ l | last }}{{ (l | map('string')) | last }}
{{ "%s" | format(none) }}{{ "%s" | format([1, 'a']) }}{{ "%c" | format(65) }}{{ "%5.1f|" | format(3.14159) }}
{{ 9223372036854775807 }}{{ 9223372036854775807 + 0 }}{{ -9223372036854775807 }}
{{ 'a' == 'a' | safe }}{{ s | e is escaped }}{{ (s | safe) is string }}{{ ('%s' | safe) % '<' }}{{ ('{}' | safe).format('<') }}{{ ('<' | safe) * 2 }}
""".strip("\n")

ATOMS = ["n", "z", "m", "f", "g", "t", "b", "o", "s", "e", "u", "w", "l", "k", "d", "q", "r", "x", "nope", "d.a", "d.zz", "r[0].name", "1", "0", "-2", "3.0",
         "'a'", "''", "'l'", "[1, 2]", "['x', 'Y']", "{'a': 1}", "()", "(1, 'b')", "true", "none", "u[2:5]", "s[1:]", "l[::-1]", "range(4)", "d.items()", "'a,b;c'", "'3'", "'1.5'"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "first", "last", "list", "string", "int", "float", "abs", "round", "sort", "sum", "min", "max", "tojson",
           "join(',')", "join", "default('D')", "d('D', true)", "replace('l', 'LL')", "reverse | list", "unique | list", "map('string') | list", "select | list", "reject | list", "e", "safe",
           "batch(2) | list", "slice(2) | list", "indent(2)", "wordcount", "center(9)", "tojson(indent=1)", "dictsort", "items | list", "truncate(4)", "urlencode", "striptags", "round(1)",
           "selectattr('age') | list", "map(attribute='name') | list", "rejectattr('tags') | list", "groupby('age')", "sort(reverse=true)", "filesizeformat", "int(9, 16)", "format(1)", "length == 3", "list | length"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "iterable", "callable", "true", "false", "odd", "even", "lower", "upper",
         "divisibleby(2)", "eq(1)", "in [1, 'a']", "sameas none", "escaped", "ne(2)", "gt(1)", "lt('b')"]
METHODS = ["upper()", "split()", "split(',')", "strip()", "title()", "items()", "keys() | list", "get('a')", "get('z', 5)", "startswith('H')", "endswith('d')", "replace('o', '0')", "count('l')", "count(1)",
           "find('l')", "isdigit()", "isalpha()", "splitlines()", "capitalize()", "swapcase()", "casefold()", "index('l')", "join(['p', 'q'])", "zfill(5)", "partition(',')", "rsplit(' ', 1)", "lstrip('H')", "format(1)", "name", "a", "values() | list", "isspace()", "istitle()"]


def expression(rng, depth):
    if depth == 0:
        return rng.choice(ATOMS)
    inner = lambda: expression(rng, rng.randrange(depth))  # noqa: E731
    kind = rng.randrange(10)
    if kind < 3:
        return f"({inner()} {rng.choice(BINARY)} {inner()})"
    if kind < 5:
        return f"({inner()} | {rng.choice(FILTERS)})"
    if kind < 6:
        return f"({inner()} is {rng.choice(['', 'not '])}{rng.choice(TESTS)})"
    if kind < 7:
        return f"{inner()}.{rng.choice(METHODS)}" if depth < 2 else f"({inner()}).{rng.choice(METHODS)}"
    if kind < 8:
        bounds = [rng.choice(["", "0", "1", "-1", "2", "-3", "9"]) for _ in range(3)]
        variable = rng.choice([atom for atom in ATOMS if re.split(r"[.\[]", atom)[0] in VARIABLES])
        return f"({variable})[{':'.join(bounds)}]" if rng.random() < 0.5 else f"({inner()})[{rng.choice(['0', '-1', chr(39) + 'a' + chr(39), '7'])}]"
    if kind < 9:
        return f"({rng.choice(['not ', '-', '+'])}{inner()})"
    return f"({inner()} if {inner()} else {inner()})"


def render(template):
    return golden.render(template, copy.deepcopy(VARIABLES))  # |indent changes a list in place


def comparable(template, text):
    """Whether an output depends on the template's meaning alone: no addresses, no numbers beyond 64 bits, no orders of dict
    views, nothing that Jinja2 answers otherwise when it folds constants (powers of negative numbers)."""
    if re.search(r"items\(\).*[<>]|[<>].*items\(\)|range\(4\)\)*\.(count|index)", template):
        return False
    if text is not None and (" at 0x" in text or "object" in text or "method" in text or "j)" in text or re.search(r"\d{19}", text) or len(text) > 2000):
        return False
    environment = golden.chat_template_utils._compile_jinja_template("").environment
    try:
        unfolded = environment.overlay(optimized=False).from_string(template).render(**copy.deepcopy(VARIABLES))
    except Exception:  # noqa: BLE001
        unfolded = None
    return unfolded == text


def generate(count, seed):
    rng = random.Random(seed)
    seen = set()
    while len(seen) < count:
        template = "{{ " + expression(rng, rng.randrange(1, 4)) + " }}"
        if template in seen:
            continue
        text = render(template)
        if comparable(template, text):
            seen.add(template)
            yield template, text


def hand():
    """Blocks of HAND: one line each; lines up to a blank line's end belong together where a template spans several."""
    for template in HAND.split("\n"):
        yield template, render(template)
    for template in ["  {% if t %}\n  x\n  {% endif %}\ny\n", "a\n  {#- c -#}\n  b\n", "{% for i in l %}\n  {{ i }}\n{% endfor %}\nend", "{%- if t -%}\n  a\n{%- endif -%}\n b\n\n",
                     "  {%+ if t %}\n x {% endif +%}\n y", "\r\n{% if t %}\r\nx\r{% endif %}\r\n", "{{ s }}\n\n", "x\n  {% raw %}\n {{ a }}\n  {% endraw %}\ny", "{% if t %}\n\n{% endif %}\n", "a {% if t %} b {% endif %} c",
                     "\t {% set a = 1 %}\n{{ a }}", "{{ s -}}\n\n x {{- s }}", "{# a #}\n{# b -#}\n  c", "{% set t2 %}\n a\n{% endset %}\n[{{ t2 }}]", "  {{ s }}\n  {%- set a = 2 -%}\n  {{ a }}"]:
        yield template, render(template)


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    cases = list(hand()) + list(generate(count, seed=7))
    golden.write("expressions.json", {"made_with": golden.REQUIRED, "now": golden.NOW, "variables": VARIABLES, "cases": [list(c) for c in cases]})


if __name__ == "__main__":
    main()
