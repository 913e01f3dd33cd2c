"""Liquid templates: what they render, which are refused, and their limits."""

import json
import random
import time
from collections import Counter
from typing import Any

import pytest

from app.outbox.webhooks.liquid import (
    _ENVIRONMENT,
    MAX_OUTPUT_BYTES,
    MAX_TAGS,
    MAX_TEMPLATE,
    TemplateError,
    is_static,
    render,
    validate_template,
)
from app.outbox.webhooks.liquid_limits import MAX_ITEMS, MAX_SECONDS

ODD = 'Say "hi" \\ to\r\n\ttabs, {{ braces }}, {% tags %}, <b>é</b> 😀 \u2028'
VARIABLES: dict[str, Any] = {
    "post": {"id": 7, "title": ODD, "description": None, "long": "<a " * 300_000},
    "post_author": None,
    "post_status": {"name": "Planned", "show_in_roadmap": True},
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("", ""),
        ("plain } text }} with { braces", "plain } text }} with { braces"),
        ("{{ post.id }}/{{ post['id'] }}/{{post.id}}", "7/7/7"),
        ("{{ post.title }}", ODD),
        ("[{{ post.description }}{{ post_author.full_name }}{{ nothing.at.all[0] }}{{ post.nothing | upcase }}]", "[]"),
        ("{% if post_author %}{{ post_author.email }}{% else %}nobody{% endif %}", "nobody"),
        ("{{ post.description | default: 'none' }} {{ false | default: 'no' }} {{ 0 | default: 1 }}", "none no 0"),
        ("{{ 'a' | append: post.description | append: nothing | append: post_status.show_in_roadmap }}", "atrue"),
        ("{{ 'a-b' | replace: '-', post.description }}", "ab"),
        ("{{ post_status.show_in_roadmap }}", "true"),
        ("{% for i in (1..3) %}{{ i }}{% unless forloop.last %},{% endunless %}{% endfor %}", "1,2,3"),
        ("{% for word in words %}x{% endfor %}", ""),
        ("{% assign n = 'a,b,a' | split: ',' | uniq | join: '+' %}{{ n }}", "a+b"),
        ("{% case post.id %}{% when 7 %}seven{% else %}other{% endcase %}", "seven"),
        ("{%- comment -%} {{ no }} {%- endcomment -%}\n{{- post.id -}}\n", "7"),
        ("{% raw %}{{ not a tag {% endraw %}", "{{ not a tag "),
        ("{% capture text %}a\r\nb{% endcapture %}{{ text | escape_json }}", r"a\r\nb"),
        ("{{ 'Hello world' | truncate: 8 }} {{ 'a b c' | truncatewords: 2 }}", "Hello... a b..."),
        ("{{ '2026-01-12T09:30:00.000Z' | date: '%d.%m.%Y' }}", "12.01.2026"),
        ("{{ 'x y&z' | url_encode }}", "x+y%26z"),
        ("{{ '<p>a<!-- > --> &amp; b</p><script>1 < 2</script> < c' | strip_html }}", "a &amp; b < c"),
        ("{{ 7 | divided_by: 2 }} {{ 'x' | plus: 1 }}", "3 1"),
    ],
)
def test_a_template_is_rendered(template: str, expected: str) -> None:
    validate_template(template)

    assert render(template, VARIABLES) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(
            (text, text)
            for text in ("", "plain", ODD, "'", '"', "\\", "\\n", "/", "\b\f\0\x1f\x7f", "日本", "</script>")
        ),
        (None, ""),
        (5, "5"),
        (True, "true"),
        (False, "false"),
        (1.5, "1.5"),
        (["a", 1], "a1"),
    ],
)
def test_escape_json_makes_the_inside_of_a_json_string(value: Any, expected: str) -> None:
    assert json.loads(render('{"a": "{{ value | escape_json }}"}', {"value": value})) == {"a": expected}


def test_escape_json_of_an_unknown_variable_is_empty() -> None:
    assert render('"{{ nothing.here | escape_json }}"', {}) == '""'


def test_a_value_is_never_rendered_as_a_template() -> None:
    variables = {"a": "{{ b }}{% include 'b' %}", "b": "secret"}

    assert render("{{ a }}{{ a | upcase }}", variables) == variables["a"] + variables["a"].upper()


@pytest.mark.parametrize("template", ["{{ a.__class__ }}", "{{ a.upper }}", "{{ a['__init__'] }}", "{{ d.keys }}"])
def test_attributes_of_objects_are_out_of_reach(template: str) -> None:
    assert render(template, {"a": "text", "d": {"x": 1}}) == ""


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("a\n{{ post.title", "line 2: '{{' without '}}'"),
        ("a\n\n{% if post %", "line 3: '{%' without '%}'"),
        ("{% raw %}\n{{\n{% endraw %}\n{{", "line 4: '{{' without '}}'"),
        ("\n{% if post %}", "expected tag endif, found the end of the template"),
        ("\n{% endfor %}", "line 2: unexpected tag 'endfor'"),
        ("{{ a }}\n{% unknown %}", "line 2: unexpected tag 'unknown'"),
        ("{% include 'a' %}", "line 1: unexpected tag 'include'"),
        ("{% render 'a' %}", "line 1: unexpected tag 'render'"),
        ("a\n{{ post.title | escape_jsn }}", "line 2: unknown filter 'escape_jsn'"),
        ("{% assign a = b | nope %}", "line 1: unknown filter 'nope'"),
        ("{{ post.title escape_json }}", "line 1: expected end of expression, found word"),
        ("x" * (MAX_TEMPLATE + 1), f"it has more than {MAX_TEMPLATE} characters"),
        ("{{ a }}" * (MAX_TAGS + 1), f"it has more than {MAX_TAGS} tags"),
        ("a\n{{" + " " * 300 + "}}", "line 2: more than 250 white-space characters in a row"),
        ("{% if a %}" * 40 + "{% endif %}" * 40, "line 1: block nesting limit reached"),
        (f"{{% if {'a and ' * 5000} a %}}{{% endif %}}", "it is nested too deeply"),
        ("{{ " + "9" * 5000 + " }}", "line 1: integer string conversion limit (4300) reached: value has 5000 digits"),
    ],
)
def test_an_invalid_template_is_refused_with_line_and_reason(template: str, error: str) -> None:
    with pytest.raises(TemplateError) as refusal:
        validate_template(template)

    assert str(refusal.value) == error


TOO_MANY = f"a list or loop has more than {MAX_ITEMS} items"


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("{% for i in (1..1000000000) %}{% endfor %}", TOO_MANY),
        ("{% for i in (1..1000000000) reversed %}{% endfor %}", TOO_MANY),
        ("{% for i in (1..1000000000) offset: 999999990 %}{% endfor %}", TOO_MANY),
        ("{% for i in (1..99999999999999999999) %}{% endfor %}", TOO_MANY),
        ("{% tablerow i in (1..1000000000) %}{% endtablerow %}", TOO_MANY),
        ("{% assign a = (1..1000000000) %}{{ a | join: '' }}", TOO_MANY),
        ("{{ (1..1000000000) | sort | first }}", TOO_MANY),
        ("{% for i in (1..200) %}" * 4 + "{% endfor %}" * 4, "loop iteration limit reached"),
        ("{% for i in (1..10000) %}{% if true %}{% endif %}{% endfor %}" * 300, "it takes too long"),
        ("{% for i in (1..10000) %}{% assign a = i | times: i %}{% endfor %}" * 100, "it takes too long"),
        ("{% for i in (1..10000) %}{{ post.long }}{% endfor %}", "output stream limit reached"),
        ("{% for i in (1..1000) %}{{ post.long | upcase }}{% endfor %}", "output stream limit reached"),
        (
            "{% capture a %}{% for i in (1..99) %}{{ post.long }}{% endfor %}{% endcapture %}",
            "output stream limit reached",
        ),
        ("{% assign a = 'aaaaaaaa' %}" + "{% assign a = a | append: a %}" * 40, "a value is too long"),
        ("{% assign a = 'aaaaaaaa' %}" + "{% assign a = a | replace: 'a', a %}" * 9, "a value is too long"),
        ("{{ post.long | replace: '', post.long }}", "a value is too long"),
        ("{{ (1..10000) | join: post.long }}", "a value is too long"),
        ("{% assign a = post.long | split: '|' %}" + "{% assign a = a | concat: a %}" * 9, "a value is too long"),
        ("{% assign a = 'a,b' | split: ',' %}" + "{% assign a = a | concat: a %}" * 20, TOO_MANY),
        ("".join(f"{{% assign a{n} = post.long %}}" for n in range(20)), "its variables are too long"),
        ("{{ post.long | split: '' | size }}", TOO_MANY),
        ("{{ (1..5000) | uniq | size }}", "a list or loop has more than 1000 items"),
        ("{% assign a = 9999999999 %}" + "{% assign a = a | times: a %}" * 30, "a number is too large"),
    ],
)
def test_a_template_is_stopped_at_a_limit(template: str, error: str) -> None:
    started = time.thread_time()

    with pytest.raises(TemplateError) as stop:
        render(template, VARIABLES)

    assert str(stop.value) == f"line 1: {error}"
    # The first call parses it as well.
    assert time.thread_time() - started < MAX_SECONDS + 2


@pytest.mark.parametrize(
    ("template", "error"),
    [
        ("\n{{ 1 | divided_by: 0 }}", "line 2: divided_by: can't divide by 0"),
        ("{{ 1 | modulo: 0 }}", "line 1: modulo: can't divide by 0"),
        ("{{ 'a' | slice: 'x' }}", "line 1: slice expected an integer start, found str"),
        ("{{ post | map: }}", None),
        ("{{ 'a' | append }}", None),
        ("{{ 'a' | append: 1, 2, 3 }}", None),
        ("{{ post.id | date: 5 }}", None),
        ("{{ 'x' | base64_decode }}", None),
        ("{{ '/w==' | base64_decode }}", "a filter or tag can't handle its input (UnicodeDecodeError)"),
        ("{{ (1..3) | concat: 5 }}", None),
        ("{{ post | sort }}", None),
        ("{{ 1e308 | times: 1e308 | ceil }}", None),
        ("{{ '99999999999999999999' | date: '%Y' }}", None),
        ("{% break %}", "line 1: unexpected 'break'"),
        ("{{ a" + "[a" * 500 + "]" * 500 + " }}", None),
    ],
)
def test_a_wrong_use_renders_or_fails_with_a_reason(template: str, error: str | None) -> None:
    """Whatever a filter is given, there is either a text or one short line with the reason."""
    try:
        text = render(template, {**VARIABLES, "post": {"id": 7}})
    except TemplateError as failure:
        assert error in (None, str(failure))
        assert 0 < len(str(failure)) < 300
        assert "\n" not in str(failure)
    else:
        assert error is None
        assert isinstance(text, str)


def test_every_filter_takes_every_value() -> None:
    values = {
        "none": None,
        "text": "a,b",
        "number": 5,
        "real": 1.5,
        "truth": True,
        "list": ["b", "a", 1],
        "map": {"a": 1},
    }
    outcomes = {"text": 0, "reason": 0}

    for name in _ENVIRONMENT.filters:
        for left in (*values, "nothing", "(1..3)"):
            for right in ("", *(f": {value}" for value in (*values, "(1..3)")), ": text, list", ": number, text, map"):
                try:
                    render(f"{{{{ {left} | {name}{right} }}}}", values)
                    outcomes["text"] += 1
                except TemplateError as error:
                    assert str(error)
                    outcomes["reason"] += 1

    assert min(outcomes.values()) > 500


@pytest.mark.parametrize("seed", range(4))
def test_random_templates_render_or_fail_with_a_reason(seed: int) -> None:
    source = random.Random(seed)
    names = ["post.title", "post.long", "post", "a", "nothing", "(1..5)", "(a..b)", "'t'", "5", "-1.5", "nil", "now"]
    tags = [
        "{{",
        "}}",
        "{%",
        "%}",
        "{%-",
        "-}}",
        "if",
        "endif",
        "for",
        "endfor",
        "raw",
        "endraw",
        "liquid",
        "\n",
        "|",
        ",",
    ]
    outcomes: Counter[str] = Counter()

    def make_template(depth: int = 3) -> str:
        kind = source.random()
        if kind < 0.2:
            return " ".join(source.choice(tags + names) for _ in range(source.randint(1, 8)))
        if kind < 0.5 or not depth:
            filters = (source.choice(list(_ENVIRONMENT.filters)) for _ in range(source.randint(0, 3)))
            return (
                f"{{{{ {source.choice(names)}{''.join(f' | {name}: {source.choice(names)}' for name in filters)} }}}}"
            )
        if kind < 0.7:
            return f"{{% assign a = a | {source.choice(['append', 'replace', 'join'])}: {source.choice(names)} %}}"
        return (
            f"{{% for i in {source.choice(names)} %}}{make_template(depth - 1)}{make_template(depth - 1)}{{% endfor %}}"
        )

    for _ in range(500):
        template = "".join(make_template() for _ in range(source.randint(1, 4)))
        try:
            assert isinstance(render(template, {**VARIABLES, "a": [3, "b", None, {"k": 1}], "b": 2}), str)
            outcomes["text"] += 1
        except TemplateError as error:
            assert 0 < len(str(error)) < 300
            outcomes["reason"] += 1

    assert min(outcomes["text"], outcomes["reason"]) > 50


def test_a_long_text_of_a_user_is_stripped_in_linear_time() -> None:
    started = time.thread_time()
    for hostile in ("<script" * 200_000, "<!--" * 300_000, "<a " * 400_000, "<style>" * 200_000 + ">"):
        render("{{ text | strip_html | size }}", {"text": hostile})

    assert time.thread_time() - started < 2


def test_an_output_of_exactly_the_limit_is_rendered() -> None:
    text = "é" * (MAX_OUTPUT_BYTES // 2)

    assert render("{{ text }}", {"text": text}) == text
    with pytest.raises(TemplateError, match="output stream limit reached"):
        render("{{ text }}!", {"text": text})


def test_a_failed_rendering_leaves_no_state() -> None:
    template = "{% assign a = a | append: 'x' %}{% increment n %}{{ a }}{{ 1 | divided_by: zero }}"
    with pytest.raises(TemplateError):
        render(template, {"zero": 0})

    assert render(template, {"zero": 1}) == "0x1"


def test_a_template_without_tags_is_static() -> None:
    assert is_static("https://example.com/?a={b}")
    assert not is_static("https://example.com/{{ post.id }}")
    assert not is_static("https://example.com/{% if post %}a{% endif %}")
