"""The switchboard: who is asked, in which order, and what a handler's mistake costs."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from service import Event, Note, Outcome, on
from service.errors import ConfigurationError
from service.router import Router
from tests.bodies import copy, event, order


def module(**handlers: Any) -> ModuleType:
    """A module of handlers made for a test."""
    made = ModuleType("made")
    vars(made).update(handlers)
    return made


def saying(name: str, *topics: str, result: Any = None) -> Any:
    """A handler of a name that notes it, or returns something else."""

    def function(event: Event) -> list[Outcome]:
        if isinstance(result, Exception):
            raise result
        return [Note(name)] if result is None else result

    function.__name__ = name
    return on(*topics)(function)


@pytest.mark.parametrize(
    ("topic", "asked"),
    [
        ("orders.place", ["exact", "whole", "all", "twice"]),
        ("orders.cancel", ["whole", "all"]),
        ("order_copies.place", ["all"]),
        ("orders", ["whole", "all"]),
    ],
)
def test_who_is_asked(topic: str, asked: list[str]) -> None:
    """Exact topics, whole resources and `*`, each handler once, in the order of the switchboard."""
    router = Router(
        [
            module(a=saying("exact", "orders.place"), b=saying("whole", "orders.*"), x=1),
            module(c=saying("all", "*"), d=saying("twice", "orders.place", "orders.pl*", "orders.place")),
        ]
    )
    assert [handler.name for handler in router.for_topic(topic)] == asked


def test_duplicate_names_are_a_mistake() -> None:
    """Two handlers of one name stop the start, and every such name is told."""
    modules = [
        module(a=saying(n, "*"), b=saying(m, "*")) for n, m in (("one", "two"), ("two", "one"), ("three", "one"))
    ]
    with pytest.raises(ConfigurationError) as error:
        Router(modules)
    assert [m.split()[4].rstrip(";") for m in error.value.mistakes] == ["one", "two"]


def test_misspelt_topics_are_found() -> None:
    """A topic that the provider does not publish is named; wildcards over a known resource are right."""
    topics = ("order_copies.completed", "order_copys.*", "orders.*", "*", "order_copies.fail", "orders", "*.create")
    assert Router([module(a=saying("a", *topics))]).misspelt() == [
        "*.create",
        "order_copies.completed",
        "order_copys.*",
        "orders",
    ]


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (ValueError("no"), "wrong: ValueError: no"),
        (RecursionError(), "wrong: RecursionError: "),
        (7, "wrong: TypeError: 'int' object is not iterable"),
        (Note("alone"), "wrong: TypeError: 'Note' object is not iterable"),
        ("text", "wrong: TypeError: returned str, which is not an outcome"),
        ([Note("kept?"), None], "wrong: TypeError: returned NoneType, which is not an outcome"),
    ],
)
def test_one_handler_with_a_mistake(result: Any, error: str) -> None:
    """A handler that raises, or returns no outcomes, has one error line and no say; the others have theirs."""
    router = Router([module(a=saying("first", "*"), b=saying("wrong", "*", result=result), c=saying("last", "*"))])
    verdict = router.dispatch(event("orders.place", order()))
    assert verdict.notes == (Note("first"), Note("last"))
    assert (verdict.handled, verdict.errors) == (3, (error,))


def test_a_generator_that_breaks_off_says_nothing() -> None:
    """What a handler yielded before it raised does not count, as if it had returned nothing."""

    @on("*")
    def breaks_off(event: Event) -> Any:
        yield Note("half")
        raise KeyError("half")

    verdict = Router([module(a=breaks_off)]).dispatch(event("order_copies.complete", copy()))
    assert (verdict.notes, verdict.errors) == ((), ("breaks_off: KeyError: 'half'",))


def test_nobody_is_asked() -> None:
    """An event without a handler has an empty verdict."""
    verdict = Router([]).dispatch(event("orders.place", order()))
    assert (verdict.handled, verdict.notes, verdict.errors) == (0, (), ())
