"""What is our own: events and deliveries, what follows from them, the trail, incidents. Pure."""

from __future__ import annotations

from service.web.api.offers import Attribute, Offer, Relation

_EVENT = Relation(
    "events", "The event that it belongs to; empty where it belongs to none.", ours="event_id", linked=True
)
_FOLLOW_UP = Relation("follow_ups", "The follow-up that it is about.", ours="follow_up_id", linked=True)


def _many(type_: str, theirs: str, about: str) -> Relation:
    return Relation(type_, about, many=True, theirs=theirs)


def _when(about: str, flags: str = "qs") -> Attribute:
    return Attribute("datetime", flags, about)


def _word(about: str, *words: str, flags: str = "qsc") -> Attribute:
    return Attribute("string", flags, about, words)


def _text(about: str, flags: str = "q") -> Attribute:
    """What people or the other side wrote."""
    return Attribute("string", f"{flags}t", about)


def _number(about: str, flags: str = "qs") -> Attribute:
    return Attribute("integer", flags, about)


_SUBJECT = Attribute("string", "qs", "What it is about: type/id, such as order_copies/XAyRWNUzyN.")
_ORIGINS = ("webhook", "sweep")

EVENTS = Offer(
    "events",
    "What happened at Commerce Layer, as deliveries told it. The first six attributes are those of the provider's own"
    " events.",
    {
        "name": _word("The topic, such as order_copies.fail.", flags="qs"),
        "created_at": _when("When the first delivery of it came."),
        "updated_at": _when("When the newest delivery of it came."),
        "reference": Attribute("string", "", "Always null: the provider's, which webhooks do not tell."),
        "reference_origin": Attribute("string", "", "Likewise."),
        "metadata": Attribute("object", "", "Always empty, likewise."),
        "topic": _word("The same as the name, by the word of Copydesk's commands."),
        "subject": _SUBJECT,
        "mode": _word("test or live."),
        "organization": _word("The organization's id.", flags="q"),
        "told_status": _word("The resource's status in the body; destroyed where it was deleted.", flags="qscw"),
        "resource_updated_at": _when("The resource's own updated_at."),
        "result": _word("What the handlers made of it.", "handled", "failed", "ignored"),
        "superseded": Attribute("boolean", "q", "Whether something newer was known already."),
        "error": _text("What a handler raised, one line."),
        "fingerprint": _word("Names errors of one kind; null where there was none."),
        "origin": _word("How it came to be known.", *_ORIGINS),
        "deliveries_count": _number("How many deliveries told it."),
    },
    {
        "deliveries": _many("deliveries", "event_id", "What was posted to us."),
        "transitions": _many("transitions", "event_id", "The statuses that it told."),
        "follow_ups": _many("follow_ups", "event_id", "What it asked for."),
        "audit_entries": _many("audit_entries", "event_id", "What the trail says of it."),
    },
    numbered=True,
)
DELIVERIES = Offer(
    "deliveries",
    "One authentic request that was posted to us.",
    {
        "topic": _word("The topic that the verifying secret is bound to."),
        "origin": _word("How it came.", *_ORIGINS),
        "received_at": _when("When its last byte was read."),
        "verdict": _word("What became of it.", "event", "redelivery", "quarantine", "deferred"),
        "reason": _text("Why it stands apart; null where it does not."),
        "size": _number("Of the body as it came, in bytes."),
        "key_fingerprint": _word("Names the secret that verified it, and does not reveal it.", flags="q"),
        "kept": Attribute("boolean", "", "Whether its body is still kept."),
        "payload": Attribute(
            "object",
            "b",
            "The body, masked; as it came with unmask=true. In lists only where fields names it; null where it is not"
            " kept, not JSON, or too large.",
        ),
    },
    {"event": _EVENT},
    numbered=True,
    ids=("event_id",),
)
TRANSITIONS = Offer(
    "transitions",
    "A status that an event told.",
    {
        "subject": _SUBJECT,
        "from_status": _word("What was known before.", flags="qscw"),
        "to_status": _word("What was told.", flags="qscw"),
        "at": _when("The resource's own updated_at."),
        "applied": Attribute("boolean", "q", "Whether the state moved; false where something newer was known."),
        "recorded_at": _when("When it was written."),
    },
    {"event": _EVENT},
    numbered=True,
    ids=("event_id",),
)
_STATUSES = ("planned", "queued", "running", "attempting", "done", "left", "refused", "dead")
FOLLOW_UPS = Offer(
    "follow_ups",
    "Something that is to be done outside.",
    {
        "kind": _word("Such as alert or settle_source_order."),
        "subject": _SUBJECT,
        "cause": _text("Why, in a few words.", "qs"),
        "params": Attribute("object", "", "What it needs, masked."),
        "status": _word("How far it has come.", *_STATUSES),
        "attempt": _number("The number of its attempt."),
        "starts": _number("How often that attempt was begun."),
        "planned_at": _when("When it was planned."),
        "due_at": _when("When it is to be done."),
        "give_up_at": _when("Until when it is tried."),
        "changed_at": _when("When it moved last."),
        "result": _text("What came of it."),
    },
    {
        "event": _EVENT,
        "attempts": _many("attempts", "follow_up_id", "Its tries."),
        "audit_entries": _many("audit_entries", "follow_up_id", "What the trail says of it."),
    },
    numbered=True,
    ids=("event_id",),
)
_RESULTS = ("done", "left", "waited", "refused", "unavailable", "unknown", "died", "failed")
ATTEMPTS = Offer(
    "attempts",
    "One try of a follow-up.",
    {
        "number": _number("Which attempt it was."),
        "start": _number("Which start of it."),
        "worker": _text("Who made it."),
        "started_at": _when("When it began."),
        "acting_at": _when("When it committed to acting; null where it did not."),
        "finished_at": _when("When it ended; null while it is under way, or where the worker died."),
        "result": _word("How it ended.", *_RESULTS),
        "detail": _text("In words."),
        "request_id": _text("The other side's name of the request."),
    },
    {"follow_up": _FOLLOW_UP},
    numbered=True,
    ids=("follow_up_id",),
)
AUDIT_ENTRIES = Offer(
    "audit_entries",
    "A line of the audit trail.",
    {
        "at": _when("When it was written."),
        "subject": _SUBJECT,
        "actor": _word("Who did it.", flags="qsct"),
        "action": _word("What was done."),
        "detail": Attribute("object", "", "The facts, masked."),
        "epoch": _number("Of its place in the log; null until it has one."),
        "leaf_index": _number("Its place in the log; null until it has one."),
        "leaf_hash": Attribute("string", "", "SHA-256 of its leaf, in hexadecimal digits."),
    },
    {"event": _EVENT, "follow_up": _FOLLOW_UP},
    numbered=True,
    ids=("event_id", "follow_up_id"),
)
INCIDENTS = Offer(
    "incidents",
    "Failures with one cause.",
    {
        "fingerprint": _word("Names the cause; at most one that is open has it."),
        "kind": _word("What kind of failure."),
        "subject": _SUBJECT,
        "cause": _text("The cause.", "qs"),
        "detail": _text("In words."),
        "status": _word("open or resolved.", "open", "resolved"),
        "count": _number("Occurrences."),
        "first_seen_at": _when("When it began."),
        "last_seen_at": _when("When it occurred last."),
        "resolved_at": _when("When it ended."),
        "affected": Attribute("array", "", "The latest 25 whom it affects: subject, count, times."),
    },
    {"follow_up": _FOLLOW_UP},
    numbered=True,
    ids=("follow_up_id",),
)
OWN: tuple[Offer, ...] = (EVENTS, DELIVERIES, TRANSITIONS, FOLLOW_UPS, ATTEMPTS, AUDIT_ENTRIES, INCIDENTS)
