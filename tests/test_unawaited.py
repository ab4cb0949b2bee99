"""Templates that wait only where they must: the same text, errors and waits as Jinja's own."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import (
    DictLoader,
    FileSystemBytecodeCache,
    ModuleLoader,
    StrictUndefined,
    UndefinedError,
)
from jinja2 import Environment as JinjaEnvironment
from jinja2.nativetypes import NativeEnvironment, NativeTemplate
from jinja2.sandbox import SandboxedEnvironment, SecurityError

from quart import Quart
from quart.templating import Environment

TEMPLATES = {
    "base": "<{% block a %}base a{{ x }}{% endblock %}|{% block b scoped %}base b{% endblock %}>",
    "middle": "{% extends 'base' %}{% block a %}{{ super() }}+{{ later(x) }}{% endblock %}",
    "part": "({{ x }}{{ d.key }}{% for i in numbers %}{{ i }}{% endfor %})",
    "macros": (
        "{% macro plain(a, b='b') %}{{ a }}{{ b }}{% if caller %}{{ caller(a) }}{% endif %}"
        "{% endmacro %}{% macro waits(a) %}{{ later(a) }}{% endmacro %}{% set exported = x %}"
    ),
}


class Awaited:
    """Says in a log when it is awaited, and waits."""

    def __init__(self, log: list[Any], value: Any) -> None:
        self.log, self.value = log, value

    def __await__(self) -> Any:
        self.log.append(("awaited", repr(self.value)))
        yield from asyncio.sleep(0).__await__()
        return self.value


def without_addresses(done: Any) -> str:
    return re.sub("(?i)0x[0-9a-f]+", "0x", repr(done))


def values(log: list[Any]) -> dict[str, Any]:
    """What the templates have: plain values, and what has to be awaited in all places."""

    def called(value: Any) -> Any:
        log.append(("called", repr(value)))
        return value

    def later(value: Any = "later") -> Awaited:
        return Awaited(log, called(value))

    async def coroutine(value: Any = "coroutine") -> Any:
        log.append(("runs", repr(value)))
        await asyncio.sleep(0)
        return value

    async def fails(value: Any = None) -> Any:
        raise LookupError("fails")

    async def several() -> AsyncIterator[Any]:
        for number in range(3):
            log.append(("makes", number))
            yield number

    def one_by_one() -> Iterator[Any]:
        for number in range(3):
            log.append(("makes", number))
            yield number

    class Thing:
        name = "<thing>"
        numbers = (1, 2)

        @property
        def slow(self) -> Awaited:
            return Awaited(log, "slow")

        def __getitem__(self, key: Any) -> Any:
            return Awaited(log, [key])

    return {
        "x": "<x>",
        "y": 7,
        "z": None,
        "numbers": [1, 2, 3],
        "empty": [],
        "d": {"key": "<value>", "items": "an item", "later": Awaited(log, "an item")},
        "tree": [{"n": 1, "kids": [{"n": 2, "kids": []}]}, {"n": 3, "kids": []}],
        "thing": Thing(),
        "called": called,
        "later": later,
        "coroutine": coroutine,
        "fails": fails,
        "several": several,
        "one_by_one": one_by_one,
    }


def environment(kind: type[JinjaEnvironment], log: list[Any], more: dict[str, str]) -> Any:
    options: dict[str, Any] = {
        "loader": DictLoader({**TEMPLATES, **more}),
        "autoescape": True,
        "extensions": ["jinja2.ext.do", "jinja2.ext.loopcontrols"],
    }
    if issubclass(kind, Environment):
        made: JinjaEnvironment = kind(Quart(__name__), **options)
    else:
        made = kind(enable_async=True, **options)
    made.filters["later"] = lambda value: Awaited(log, value)
    made.tests["later"] = lambda value: Awaited(log, bool(value))
    return made


async def outcome(kind: type[JinjaEnvironment], source: str, streamed: bool) -> Any:
    """The text or the error, and all that was done for it, in its order."""
    log: list[Any] = []
    try:
        template = environment(kind, log, {"main": source}).get_template("main")
        if streamed:
            text = "".join([piece async for piece in template.generate_async(values(log))])
        else:
            text = await template.render_async(values(log))
    except RecursionError as error:
        return type(error), "where depends on the depth of each"
    except Exception as error:
        return type(error), without_addresses((str(error), log))
    return without_addresses((text, log))


ATOMS = """
x y z numbers d.key d.items()|length d.later d['key'] thing.name thing.slow thing['k'] missing
missing.attribute later() coroutine() later(x) coroutine(thing.slow) called(later(1))
numbers[0] numbers|length numbers|join(',') x|later numbers|map('later')|list
one_by_one()|list several()|list fails() 1/0 thing.name|upper [later(1),2] {'a':later(1)}
self.a() super() numbers|sum several()|join numbers|select('later')|first
"""
ITERABLES = """
numbers empty tree several() one_by_one() later(numbers) thing.numbers d missing y
coroutine(several()) range(3) 'abc' d.items()
"""

atoms = st.sampled_from(ATOMS.split())
iterables = st.sampled_from(ITERABLES.split())
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"{two[0]} ~ {two[1]}"),
        st.tuples(inner, inner, inner).map(lambda it: f"({it[0]} if {it[1]} else {it[2]})"),
        inner.map(lambda it: f"called({it})"),
        inner.map(lambda it: f"coroutine({it})"),
        inner.map(lambda it: f"({it}) is later"),
        inner.map(lambda it: f"({it})|later"),
        inner.map(lambda it: f"({it})|default('none')"),
    ),
    max_leaves=4,
)


def wrapped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    loops = st.sampled_from(
        (
            "{{ i }}",
            "{{ loop.index }}/{{ loop.length }}",
            "{{ loop.last }}{{ loop.nextitem }}{{ loop.previtem }}{{ loop.cycle('a', 'b') }}",
            "{{ loop.changed(i) }}{% if loop.first %}{% continue %}{% endif %}{{ loop.revindex }}",
            "{% if loop.index > 1 %}{% break %}{% endif %}",
            "",
        )
    )
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(iterables, loops, inner).map(
            lambda it: f"{{% for i in {it[0]} %}}{it[1]}{it[2]}{{% else %}}none{{% endfor %}}"
        ),
        st.tuples(iterables, expressions, loops, inner).map(
            lambda it: f"{{% for i in {it[0]} if {it[1]} %}}{it[2]}{it[3]}{{% endfor %}}"
        ),
        st.tuples(expressions, inner, inner).map(
            lambda it: f"{{% if {it[0]} %}}{it[1]}{{% else %}}{it[2]}{{% endif %}}"
        ),
        st.tuples(expressions, inner).map(lambda it: f"{{% set x = {it[0]} %}}{it[1]}"),
        st.tuples(inner, inner).map(lambda it: f"{{% set x %}}{it[0]}{{% endset %}}{it[1]}"),
        st.tuples(expressions, inner).map(
            lambda it: f"{{% with x = {it[0]} %}}{it[1]}{{% endwith %}}"
        ),
        inner.map(lambda it: f"{{% filter upper %}}{it}{{% endfilter %}}"),
        inner.map(lambda it: f"{{% autoescape false %}}{it}{{% endautoescape %}}"),
        st.tuples(inner, expressions).map(
            lambda it: (
                f"{{% macro m(x) %}}{it[0]}{{% endmacro %}}{{{{ m({it[1]}) }}}}{{{{ m(1) }}}}"
            )
        ),
        inner.map(
            lambda it: (
                "{% from 'macros' import plain %}"
                f"{{% call(x) plain(later(1)) %}}{it}{{% endcall %}}"
            )
        ),
        inner.map(lambda it: f"{{% extends 'middle' %}}{{% block b %}}{it}{{% endblock %}}"),
        inner.map(lambda it: f"{{% block a %}}{it}{{% endblock %}}{{{{ self.a() }}}}"),
    )


statements = st.recursive(
    st.one_of(
        expressions.map(lambda it: f"{{{{ {it} }}}}"),
        expressions.map(lambda it: f"{{% do {it} %}}"),
        st.sampled_from(
            (
                "text ",
                "{% include 'part' %}",
                "{% include 'part' without context %}",
                "{% include ['no', 'part'] %}",
                "{% include 'no' ignore missing %}",
                "{% import 'macros' as m with context %}{{ m.plain(x) }}{{ m.waits(y) }}",
                "{% from 'macros' import waits, exported %}{{ waits(later(x)) }}{{ exported }}",
                "{% for n in tree recursive %}{{ n.n }}{{ loop(n.kids) }}{{ loop.depth }}"
                "{% endfor %}",
            )
        ),
    ),
    wrapped,
    max_leaves=6,
)


@given(statements, st.booleans())
def test_templates_do_what_jinja_does(source: str, streamed: bool) -> None:
    """The text or the error, and what is called and awaited for it, in the same order."""

    async def both() -> tuple[Any, Any]:
        expected = await outcome(JinjaEnvironment, source, streamed)
        return expected, await outcome(Environment, source, streamed)

    with recursion_in_finalizers():
        expected, actual = asyncio.run(both())

    assert expected == actual


@contextmanager
def recursion_in_finalizers() -> Iterator[None]:
    """A macro that calls itself may leave a finalizer no stack to end, or to report that."""
    report = sys.unraisablehook
    sys.unraisablehook = lambda args: None if args.exc_type is RecursionError else report(args)
    try:
        yield
    finally:
        sys.unraisablehook = report


async def rendered(environment: JinjaEnvironment, source: str, **values: Any) -> str:
    return await environment.from_string(source).render_async(**values)


async def test_a_name_is_a_dicts_method_before_its_item() -> None:
    """As in Jinja; any other name is the item, or undefined."""
    made = Environment(Quart(__name__))

    assert "1" == await rendered(made, "{{ d.items()|length }}", d={"items": "an item"})
    assert "an item" == await rendered(made, "{{ d['items'] }}", d={"items": "an item"})
    assert "v" == await rendered(made, "{{ d.key }}{{ d.other }}", d={"key": "v"})
    assert "attribute" == await rendered(made, "{{ d.key }}", d=DictWithAttribute(key="item"))


class DictWithAttribute(dict[str, str]):
    key = "attribute"


async def test_a_stream_gives_what_is_before_a_wait() -> None:
    """A slow value holds up what follows it only."""
    go_on = asyncio.Event()

    async def slow() -> str:
        await go_on.wait()
        return "slow"

    template = Environment(Quart(__name__)).from_string("head {{ slow() }} tail")
    pieces = template.generate_async(slow=slow)

    assert "head " == await anext(pieces)
    go_on.set()
    assert ["slow", " tail"] == [piece async for piece in pieces]


async def test_an_error_names_the_line_of_the_template() -> None:
    """The traceback shows the template, not the Python that was made of it."""
    template = Environment(Quart(__name__)).from_string("one\n{{ 1 }}\n{{ 1 / 0 }}\n")

    with pytest.raises(ZeroDivisionError) as caught:
        await template.render_async()

    last = caught.traceback[-1]
    assert (3, "<template>") == (last.lineno + 1, str(last.path))


@pytest.mark.parametrize("source", ["{{ a.b }}", "{{ a }}", "{{ f(a) }}"])
async def test_other_environments_of_jinja(source: str) -> None:
    """A strict, a sandboxed and a sync one say the same as before."""

    class Sandboxed(SandboxedEnvironment, Environment):
        intercepted_binops = frozenset()

    app = Quart(__name__)
    strict = Environment(app, undefined=StrictUndefined)
    sandboxed = Sandboxed(app)

    with pytest.raises(UndefinedError, match=r"'(a|f)' is undefined"):
        await rendered(strict, source)
    with pytest.raises(SecurityError):
        await rendered(sandboxed, "{{ f.__globals__['x'] }}", f=rendered)
    assert "1" == strict.overlay(enable_async=False).from_string("{{ 1 }}").render()


async def test_values_of_native_types() -> None:
    """An environment that gives Python's values gives them still."""

    class Native(NativeEnvironment, Environment):
        template_class = NativeTemplate

    assert [1, 2] == await rendered(Native(Quart(__name__)), "{{ a }}", a=[1, 2])


async def test_code_that_was_compiled_before(tmp_path: Path) -> None:
    """A bytecode cache gives the code of a template; precompiled templates stay Jinja's own."""
    app = Quart(__name__)
    loader = DictLoader(TEMPLATES)
    for _ in range(2):
        cached = Environment(
            app, loader=loader, bytecode_cache=FileSystemBytecodeCache(str(tmp_path))
        )
        template = cached.get_template("part")
        assert "(x12)" == await template.render_async(x="x", d={}, numbers=[1, 2])
    cached.compile_templates(str(tmp_path / "made"), zip=None)
    made = Environment(app, loader=ModuleLoader(str(tmp_path / "made")))
    template = made.get_template("part")
    assert "(x12)" == await template.render_async(x="x", d={}, numbers=[1, 2])
