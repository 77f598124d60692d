"""V7 and V6 for events as most are: received once, and moving their resource once or not at all.

The database itself compares them with what the trail tells, and hands on only what has to be hashed. An event is plain
only where that proves every column; all others are compared one by one (`service.audit.verification.events`), which
also tells what is wrong with them. The one transition of a plain event is compared where states are replayed, since
what moved them is read there anyway (`service.audit.verification.states`).
"""

from __future__ import annotations

from collections.abc import Iterator

from service.audit.verification import events, payloads, texts
from service.audit.verification.events import VERDICTS, Bytes
from service.audit.verification.findings import Finding
from service.audit.verification.places import Reader, batched

# Whatever makes an event one that is not plain, beside what was told of its one delivery.
_OTHERWISE = ("replayed", "state.superseded")
_MOVES = ("state.changed", "state.confirmed")
_RANGE = "{0} BETWEEN ? AND ?"
# Tables whose rows belong to an event, each with the column that says to which.
_OWNED = (("events", "id"), ("deliveries", "event_id"), ("transitions", "event_id"))


def judge(reader: Reader, low: int, high: int, bytes_of: Bytes) -> Iterator[Finding]:
    """Verify the events whose numbers are from `low` to `high`."""
    problems: dict[int, Finding] = {}
    try:
        odd = _odd(reader, low, high, bytes_of, problems)
    except reader.refusals:
        yield from events.judge(reader, _RANGE, (low, high), bytes_of)
        return
    yield from (found for id_, found in problems.items() if id_ not in odd)
    for some in batched(sorted(odd)):
        yield from events.judge(reader, f"{{0}} IN ({', '.join('?' * len(some))})", some, bytes_of)


def _odd(reader: Reader, low: int, high: int, bytes_of: Bytes, problems: dict[int, Finding]) -> set[int]:
    """The events that are not plain; what is wrong with the bytes of the others goes into `problems`."""
    seen, odd = set[int](), set[int]()
    for row in reader.rows(_columns(reader), _joined(reader), "", (low, high)):
        id_, is_plain, sealed = row[:3]
        if id_ in seen or not is_plain:
            # A row more than one, of whichever table, comes as the event once more.
            odd.add(id_)
            continue
        seen.add(id_)
        if problem := bytes_of(row[3:], sealed):
            problems[id_] = Finding("V6", f"deliveries {row[3]}", problem)
    for table, column in _OWNED:
        told = "SELECT 1 FROM audit_entries WHERE audit_entries.event_id"
        untold = f"WHERE {_RANGE.format(column)} AND NOT EXISTS ({told} = {table}.{column})"
        odd.update(id_ for (id_,) in reader.rows((column,), table, untold, (low, high)))
    return odd


def _columns(reader: Reader) -> tuple[str, ...]:
    return ("told.event_id", _is_plain(reader), "entry.sealed", *(f"d.{column}" for column in payloads.COLUMNS))


def _joined(reader: Reader) -> str:
    """Each event that the trail tells of, with the entries that tell most of it, and its rows."""
    action = reader.ordered("action")
    single = ", ".join(f"'{name}'" for name in (*VERDICTS, *_OTHERWISE))
    moves = ", ".join(f"'{name}'" for name in _MOVES)
    return f"""(
        SELECT event_id,
            count(*) FILTER (WHERE {action} IN ({single})) AS single,
            count(*) FILTER (WHERE {action} IN ({moves})) AS moves,
            max(id) FILTER (WHERE {action} = 'received') AS received,
            count(*) FILTER (WHERE {action} = 'state.changed' AND salt IS NOT NULL) AS applied
        FROM audit_entries WHERE {_RANGE.format("event_id")} GROUP BY event_id
    ) AS told
    LEFT JOIN audit_entries AS entry ON entry.id = told.received
    LEFT JOIN events AS e ON e.id = told.event_id
    LEFT JOIN deliveries AS d ON d.event_id = told.event_id
    LEFT JOIN transitions AS t ON t.event_id = told.event_id"""  # noqa: S608 - names of our own


def _is_plain(reader: Reader) -> str:
    """Whether all is as the trail tells, where no table has several rows, and but for what the one transition holds."""
    r = reader
    kept = r.listed(
        *("e.subject", "e.first_seen_at", "e.last_seen_at", "e.superseded", "e.deliveries"),
        *("d.received_at", "d.verdict", "d.topic", "d.origin"),
    )
    told = r.listed(
        *("entry.subject", "entry.at", "entry.at", "0", "1"),
        *("entry.at", "'event'", "e.topic", "e.origin"),
    )
    return f"""told.single = 1 AND entry.salt IS NOT NULL AND entry.payload = d.commitment
        AND {r.ordered("entry.detail")} = {texts.received(r, "e", "d")} AND {kept} = {told}
        AND told.moves = told.applied AND told.moves = CASE WHEN t.id IS NULL THEN 0 ELSE 1 END"""
