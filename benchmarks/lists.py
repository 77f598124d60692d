"""How quickly the lists of the API answer at a million events: `python -m benchmarks.lists PATH`.

PATH is a database of `benchmarks.million`. Of every list it asks for the first page, one in the middle and the last
one, with 25 resources each: as it is, by every sort, by every filter with a value that many rows have, one that few
have and one that none has; for every facet alone and with each other; and what busy resources are related to. Each
question goes the way of a request, from its parameters to the bytes of the answer, without HTTP and the token.

Printed is the processor's time in milliseconds, by the kind of question. What the API refuses, since no index helps and
too many rows are left, is counted apart.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa

from benchmarks.record import p95
from service.conditions import BY_KIND, LISTS, QUESTIONS, TRUTHS
from service.errors import StoreUnavailable
from service.store import Store, open_store
from service.store.beside import reader
from service.store.selections import LISTED
from service.vault import Vault
from service.web.api.catalogue import DEEPEST_ROW, OFFERS
from service.web.api.objects import Writer
from service.web.api.offers import Offer
from service.web.api.parameters import LIST, read
from service.web.api.problems import Problem
from service.web.api.reading import Reading
from service.web.api.routes import theirs
from service.web.api.timeline import page as timeline_page

AIM = 100.0
_ABSENT = {"integer": 123_456_789, "datetime": "1999-01-01T00:00:00Z", "string": "absent-from-all"}
# Longer than the API itself waits, so that what takes too long shows how long it takes.
_SECONDS = 3.0
Parameters = dict[str, str]


class Asking:
    """Asks, and remembers how long it took."""

    def __init__(self, store: Store, rounds: int) -> None:
        self.store, self._rounds = store, rounds
        self.times: dict[str, list[tuple[float, str]]] = defaultdict(list)
        self.refused: dict[str, set[str]] = defaultdict(set)

    def ask(self, kind: str, type_: str, parameters: Parameters, wanted: Any = ()) -> int:
        """Ask for a page; how many rows its list has, 0 where it is refused."""
        about, number = f"{type_} " + "&".join(f"{k}={v}" for k, v in parameters.items()), 0
        for _ in range(self._rounds):
            began = time.process_time()
            try:
                with self.store.read() as connection:
                    number = _page(connection, type_, parameters, wanted)
            except Problem as problem:
                self.refused[f"{type_}: {kind}"].add(f"{about}  {problem}")
                return 0
            except StoreUnavailable:
                number = 0
            self.times[f"{type_}: {kind}"].append(((time.process_time() - began) * 1000, about))
        return number

    def pages(self, kind: str, type_: str, parameters: Parameters, wanted: Any = ()) -> None:
        """The first page, the last one, and one in the middle."""
        count = min(self.ask(kind, type_, {"page[size]": "25"} | parameters, wanted), DEEPEST_ROW)
        for number in sorted({count // 50, -(-count // 25)} - {0, 1}):
            self.ask(kind, type_, {"page[size]": "25", "page[number]": str(number)} | parameters, wanted)

    def show(self, *, every: bool) -> None:
        """Print a table, then whatever took too long."""
        print(f"{'milliseconds of the processor':48}{'asked':>7}{'refused':>9}{'p50':>8}{'p95':>8}{'max':>8}")
        for name in sorted({*self.times, *self.refused}):
            times = [took for took, _ in self.times[name]] or [0.0]
            mark = "  over" if p95(times) > AIM else ""
            told = f"{median(times):8.1f}{p95(times):8.1f}{max(times):8.1f}"
            print(f"{name:48}{len(self.times[name]):7}{len(self.refused[name]):9}{told}{mark}")
        slow = sorted((found for times in self.times.values() for found in times if found[0] > AIM), reverse=True)
        for took, about in slow if every else slow[:20]:
            print(f"{took:8.1f}  {about}")
        for about in sorted(one for several in self.refused.values() for one in several) if every else ():
            print(f" refused  {about}")


def _page(connection: sa.Connection, type_: str, parameters: Parameters, wanted: Any) -> int:
    query = read(OFFERS[type_], parameters.items(), LIST)
    reading = Reading(connection, Vault(()), query)
    items, count = reading.page(type_, wanted)
    told = Writer("https://desk.example.com", query).several(items, [])
    told["facets"] = reading.facets(type_, wanted) if query.facets else None
    json.dumps(told)
    return count


def measure(asking: Asking, offer: Offer) -> None:
    """Ask one list everything."""
    type_ = offer.type
    asking.pages("pages", type_, {})
    for name in offer.sortable:
        for sort in (name, f"-{name}"):
            asking.pages("sorted", type_, {"sort": sort})
    for parameters in _filters(asking.store, offer):
        asking.pages("filtered", type_, parameters)
    for parameters in _words(offer):
        asking.pages("filtered by a word", type_, parameters)
    few = ({}, *_often(asking.store, offer))
    for number in (1, 2):
        for names in combinations(offer.facets, number):
            for parameters in few:
                asking.ask("facets" if number == 1 else "two facets", type_, {"facets": ",".join(names), **parameters})


def _filters(store: Store, offer: Offer) -> Iterator[Parameters]:
    for name, kind in offer.filterable.items():
        if kind == "object":
            continue
        values = [] if kind == "boolean" else _values(store, offer, name)
        for predicate in BY_KIND[kind]:
            asked = f"filter[q][{name}_{predicate}]"
            if predicate in (*QUESTIONS, *TRUTHS) or kind == "boolean":
                yield from ({asked: answer} for answer in ("true", "false"))
            elif predicate in LISTS:
                yield {asked: ",".join(map(str, values))}
            else:
                for value in values:
                    yield {asked: str(value)[: 6 if predicate == "start" else None]}


def _values(store: Store, offer: Offer, name: str) -> list[Any]:
    """Of what a list is filtered by: what many have, what few have, what none has."""
    listed = LISTED[offer.type]
    column = listed.columns.get(name)
    kind = offer.filterable[name]
    known: list[Any] = []
    if column is not None:
        # Of some thousand rows from the middle: to count all of them would take longer than to ask.
        some = sa.select(column.label("v")).select_from(listed.source).where(column.is_not(None)).limit(3000)
        found = some.offset(500).subquery()
        number = sa.func.count().label("n")
        query = sa.select(found.c.v, number).group_by(found.c.v).order_by(number.desc())
        with store.read() as connection:
            ranked = connection.execute(query).all()
        known = [row[0] for row in (ranked[:1] + ranked[-1:])]
    spelt = [one.isoformat().replace("+00:00", "Z") if kind == "datetime" else one for one in known]
    return [*dict.fromkeys(spelt), _ABSENT[kind]]


_WORDS: dict[str, tuple[str, ...]] = {
    "subject": ("orders/absent0001", "order_subscriptions/sub0000003"),
    "topic": ("orders.place", "orders.none"),
    "status": ("completed", "done", "odd"),
    "result": ("handled", "failed", "done", "unavailable"),
    "verdict": ("event", "quarantine"),
    "origin": ("webhook", "sweep"),
    "mode": ("test", "live"),
    "fingerprint": ("absent",),
    "event": ("17",),
    "follow_up": ("17",),
    "kind": ("order_copies", "alert", "failure"),
    "actor": ("intake", "worker", "operator", "operator maria", "operator nobody"),
    "action": ("received", "attempt", "attempt.done", "replayed", "incident", "odd"),
    "text": ("expired", "ca*", "no answer within 10", '"payment source"', "gateway maria", "absent"),
    "standing": ("open", "apart", "given_up"),
    "since": ("2025-10-01", "2026-08-20T05:00", "2031-01-01"),
    "until": ("2025-10-01", "2026-08-20T05:00", "2021-01-01"),
}


def _words(offer: Offer) -> Iterator[Parameters]:
    for word in offer.words:
        yield from ({f"filter[{word}]": value} for value in _WORDS[word])
    if "since" in offer.words:
        inside = {"filter[since]": "2025-11-05T11:30", "filter[until]": "2026-06-01T07:00"}
        yield inside
        for word in ("topic", "action", "status", "kind"):
            if word in offer.words:
                yield from ({f"filter[{word}]": value, **inside} for value in _WORDS[word])


def _often(store: Store, offer: Offer) -> Iterator[Parameters]:
    for name in set(offer.facets[:2]).intersection(offer.filterable):
        yield {f"filter[q][{name}_eq]": str(_values(store, offer, name)[0])}
    if "since" in offer.words:
        yield {"filter[since]": "2025-11-05T11:30"}


def measure_related(asking: Asking) -> None:
    """Ask what busy resources are related to, and for their timelines."""
    for type_, id_ in (("order_subscriptions", "sub0000003"), ("order_subscriptions", "sub0012345"), ("events", "3")):
        offer = OFFERS[type_]
        with asking.store.read() as connection:
            reading = Reading(connection, Vault(()), read(offer, (), ()))
            item = reading.one(type_, int(id_) if offer.numbered else id_)
        if item is None:
            continue
        for name, relation in offer.relations.items():
            if relation.many and OFFERS[relation.type].listed:
                asking.pages(f"of one of {type_}", relation.type, {}, theirs(item, offer, name))
        if not offer.numbered:
            _timeline(asking, type_, id_)


def _timeline(asking: Asking, type_: str, id_: str) -> None:
    after = None
    for _ in range(4):
        began = time.process_time()
        with asking.store.read() as connection:
            reading = Reading(connection, Vault(()), read(OFFERS["events"], (), ()))
            told = timeline_page(reading, type_, id_, "https://desk.example.com", after, 25)
        json.dumps(told)
        asking.times["timeline"].append(((time.process_time() - began) * 1000, f"{type_}/{id_}"))
        if "next" not in told["links"]:
            break
        after = told["links"]["next"].partition("page[after]=")[2].partition("&")[0]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--list", action="append", help="of this one alone; may be given again")
    parser.add_argument("--all", action="store_true", help="name every question that took too long or was refused")
    given = parser.parse_args()
    store = open_store(f"sqlite:///{given.path}")
    asking = Asking(reader(store, _SECONDS), given.rounds)
    for offer in OFFERS.values():
        if offer.listed and (not given.list or offer.type in given.list):
            measure(asking, offer)
    if not given.list:
        measure_related(asking)
    asking.show(every=given.all)
    asking.store.close()
    store.close()


if __name__ == "__main__":
    main()
