"""The one parser: strict where parsers disagree, and never another exception than its own."""

from __future__ import annotations

import contextlib
import json
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.documents import MAX_DEPTH, parse
from service.errors import BodyUnreadable

HUGE = 250_000


def nested(levels: int, inside: str = "", beside: str = "") -> bytes:
    """Arrays in arrays."""
    return ("[" * levels + inside + "]" * (levels - 1) + beside + "]").encode()


@pytest.mark.parametrize(
    ("raw", "document"),
    [
        (b'{"a":1}', {"a": 1}),
        (b' \t\r\n{"a": [true, false, null]} \n', {"a": [True, False, None]}),
        (b"[]", []),
        (b'"text"', "text"),
        ('{"é":"€"}'.encode(), {"é": "€"}),
        (rb'"\u0000"', "\0"),
        (rb'"\ud83d\ude00"', "\N{GRINNING FACE}"),
        (rb'"\\ud800"', r"\ud800"),
        (b"-9223372036854775808", -(2**63)),
        (b"9223372036854775807", 2**63 - 1),
        (b"-0", 0),
        (b"153.0", 153.0),
        (b"1e-400", 0.0),
        (b"1e308", 1e308),
        (b'{"a":{"b":1},"c":{"b":1}}', {"a": {"b": 1}, "c": {"b": 1}}),
        (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    ],
)
def test_accepts(raw: bytes, document: object) -> None:
    """What every parser reads alike is read."""
    assert parse(raw) == document


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "not JSON"),
        (b" ", "not JSON"),
        (b"\0", "not JSON"),
        ('{"a":1}'.encode("utf-16"), "not UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "not JSON"),
        ('{"a":1}'.encode("utf-32-be"), "not JSON"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\xc0\xaf"', "not UTF-8"),
        (b'"\xff"', "not UTF-8"),
        (b'{"a":1,"a":1}', "twice"),
        (rb'{"a":1,"\u0061":2}', "twice"),
        (b'[{"x":[{"a":1,"b":2,"a":3}]}]', "twice"),
        (b"NaN", "NaN"),
        (b'{"a":[Infinity]}', "Infinity"),
        (b"-Infinity", "Infinity"),
        (b"1e400", "finite"),
        (b"[-1e400]", "finite"),
        (b"9223372036854775808", "64 bits"),
        (b"-9223372036854775809", "64 bits"),
        (b"1" * HUGE, "64 bits"),
        (b"1" * HUGE + b".0", "finite"),
        (rb'"\ud800"', "surrogate"),
        (rb'{"\uDFFF":1}', "surrogate"),
        (rb'["\ude00\ud83d"]', "surrogate"),
        (b"{} {}", "not JSON"),
        (b"{}x", "not JSON"),
        (b"[1,]", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b"{a:1}", "not JSON"),
        (b"01", "not JSON"),
        (b"+1", "not JSON"),
        (b".5", "not JSON"),
        (b'"\n"', "not JSON"),
        (b"// c\n{}", "not JSON"),
        (b'{"a":', "not JSON"),
        (nested(MAX_DEPTH + 1), "deeper"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper"),
        (nested(500), "deeper"),
        (nested(100_000), "not JSON"),
        (b"[" * HUGE, "not JSON"),
        (b'{"a":' * HUGE, "not JSON"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_refuses(raw: bytes, why: str) -> None:
    """What parsers read differently, or not at all, is refused, quickly, and with words of ours."""
    began = time.process_time()
    with pytest.raises(BodyUnreadable, match=why):
        parse(raw)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    "raw",
    [
        nested(MAX_DEPTH),
        nested(MAX_DEPTH, inside="1"),
        nested(MAX_DEPTH, inside="1", beside=",[]"),
        nested(MAX_DEPTH, inside='"[[["', beside=",{}"),
        b"[" + b"[]," * 200 + b"[]]",
    ],
    ids=["bare", "a number inside", "more arrays beside", "brackets in a string", "wide"],
)
def test_depth_counts_arrays_and_objects_only(raw: bytes) -> None:
    """Sixty-four levels are accepted, whatever stands in the innermost or beside it."""
    assert parse(raw) == json.loads(raw)


def test_the_reason_holds_nothing_of_the_body() -> None:
    """A reason is kept and logged, so nothing of the body is in it."""
    for raw in (b'{"canary":1,"canary":2}', b'{"canary"', rb'"canary\ud800"', b"canary"):
        with pytest.raises(BodyUnreadable) as refused:
            parse(raw)
        assert "canary" not in str(refused.value)
        assert refused.value.__cause__ is None


def _equal(left: object, right: object) -> bool:
    return json.dumps(left, sort_keys=True) == json.dumps(right, sort_keys=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(JSON, st.booleans())
def test_what_it_accepts_is_what_json_says(document: object, ascii_only: bool) -> None:
    """Whatever it accepts, it reads as the standard library does; what it refuses has a number out of bounds."""
    text = json.dumps(document, ensure_ascii=ascii_only)
    try:
        found = parse(text.encode("utf-8", "surrogatepass"))
    except BodyUnreadable as refused:
        assert any(word in str(refused) for word in ("64 bits", "NaN", "Infinity", "surrogate", "not UTF-8"))  # noqa: PT017
    else:
        assert _equal(found, json.loads(text))


@given(st.binary(max_size=300) | st.text(alphabet='{}[]":,\\ud80e1.-NaI \ufeff', max_size=60).map(str.encode))
def test_no_other_exception(raw: bytes) -> None:
    """Any bytes are a document or `BodyUnreadable`, and numbers in it are finite."""
    with contextlib.suppress(BodyUnreadable):
        found = parse(raw)
        assert not isinstance(found, float) or math.isfinite(found)
