"""Sets of row numbers, as an entry of the trail spells them: `1-3,7,12-40`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

_PART = re.compile(r"([1-9][0-9]{0,18})(?:-([1-9][0-9]{0,18}))?")


def spell(numbers: Iterable[int]) -> str:
    """Spell numbers as ranges, ascending; nothing for no number."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in _runs(numbers))


def spell_in_parts(numbers: Iterable[int], longest: int = 400) -> list[str]:
    """Spell numbers as ranges, in as many texts as it takes for none to be longer; an entry's text is one line of 500.

    Args:
        numbers: what to spell, in any order.
        longest: characters of one text; at least 39, which one range may take.
    """
    texts: list[str] = []
    for part in spell(numbers).split(","):
        if texts and len(texts[-1]) + 1 + len(part) <= longest:
            texts[-1] += f",{part}"
        else:
            texts.append(part)
    return [text for text in texts if text]


def parse(text: str) -> list[range]:
    """Read what `spell` wrote.

    Raises:
        ValueError: it is something else, or its ranges do not ascend.
    """
    found = []
    for part in text.split(",") if text else ():
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"not a range of row numbers: {part[:40]}")
        found.append(range(int(match[1]), int(match[2] or match[1]) + 1))
    if not all(found) or any(one.stop > other.start for one, other in pairwise(found)):
        raise ValueError("ranges of row numbers that do not ascend")
    return found


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    first = last = 0
    for number in sorted(set(numbers)):
        if first and number == last + 1:
            last = number
            continue
        if first:
            yield first, last
        first = last = number
    if first:
        yield first, last
