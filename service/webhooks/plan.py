"""How webhooks stand against what they should be, and what would bring them there. Pure.

A webhook is ours if it carries our origin, and either our reference or an id that we remember. Everything else is
foreign: shown where it concerns a topic of ours, never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal

from service.resources import Webhook
from service.webhooks.desired import ORIGIN, Desired

State = Literal["ok", "missing", "drifted", "disabled", "open", "no secret", "rotating", "extra", "foreign"]
Step = Literal["create", "mend", "store secret", "enable", "delete"]
# What `apply` does about a state; deleting is done only where it was asked for. An open circuit is for `reset`, when
# its cause is gone; a rotation goes on by itself.
STEPS: Mapping[State, Step] = {
    "missing": "create",
    "drifted": "mend",
    "no secret": "store secret",
    "disabled": "enable",
    "extra": "delete",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How one webhook stands.

    Attributes:
        topic: its topic.
        states: one or several words, the first of them the gravest.
        wanted: what it should be; None for one that should not be.
        webhook: as it is; None where it is missing.
        differences: what differs, in words.
    """

    topic: str
    states: tuple[State, ...]
    wanted: Desired | None = None
    webhook: Webhook | None = None
    differences: tuple[str, ...] = ()

    def steps(self, *, prune: bool = False) -> tuple[Step, ...]:
        """What `apply` would do, in order."""
        found = tuple(STEPS[state] for state in self.states if state in STEPS)
        return found if prune else tuple(step for step in found if step != "delete")


@dataclass(frozen=True, slots=True)
class Known:
    """What our store knows of webhooks.

    Attributes:
        webhooks: ids of those that we ever made.
        with_secret: ids of those whose secret is kept.
        rotating: topics that are being rotated.
        settling: ids of those whose secret was stored a moment ago: they are made disabled, and enabled when every
            web process has it.
    """

    webhooks: AbstractSet[str] = frozenset()
    with_secret: AbstractSet[str] = frozenset()
    rotating: AbstractSet[str] = frozenset()
    settling: AbstractSet[str] = frozenset()


def plan(wanted: Sequence[Desired], found: Iterable[Webhook], known: Known) -> tuple[Standing, ...]:
    """Compare.

    Args:
        wanted: what there should be.
        found: every webhook of the organization.
        known: what the store knows.

    Returns:
        The wanted topics in their order, each with its webhook; then what is extra, then what is foreign.
    """
    reference = next((one.reference for one in wanted), None)
    ours, foreign = list[Webhook](), list[Webhook]()
    for webhook in found:
        (ours if is_ours(webhook, reference, known.webhooks) else foreign).append(webhook)
    by_topic: dict[str, list[Webhook]] = {}
    for webhook in sorted(ours, key=_eldest_first):
        by_topic.setdefault(webhook.topic or "", []).append(webhook)
    standings = [_standing(one, by_topic.get(one.topic, [])[:1], known) for one in wanted]
    topics = {one.topic for one in wanted}
    for topic, webhooks in by_topic.items():
        spare = webhooks[1:] if topic in topics else webhooks
        standings += [_spare(topic, webhook, known) for webhook in spare]
    standings += [_foreign(webhook, wanted) for webhook in foreign if webhook.topic in topics]
    return tuple(standings)


def is_ours(webhook: Webhook, reference: str | None, remembered: AbstractSet[str]) -> bool:
    """Tell whether this installation made a webhook."""
    return webhook.reference_origin == ORIGIN and (webhook.reference == reference or webhook.id in remembered)


def differences(wanted: Desired, webhook: Webhook) -> tuple[str, ...]:
    """What somebody changed, in words."""
    told = []
    if webhook.callback_url != wanted.callback_url:
        told.append(f"posts to {webhook.callback_url}, not to {wanted.callback_url}")
    if set(webhook.include_resources or ()) != set(wanted.include_resources):
        told.append(f"includes {_listed(webhook.include_resources or ())}, not {_listed(wanted.include_resources)}")
    if webhook.reference != wanted.reference:
        told.append(f"is marked as of {webhook.reference}")
    return tuple(told)


def _standing(wanted: Desired, found: Sequence[Webhook], known: Known) -> Standing:
    if not found:
        return Standing(wanted.topic, ("missing",), wanted)
    (webhook,) = found
    if wanted.topic in known.rotating:
        return Standing(wanted.topic, ("rotating",), wanted, webhook)
    differs = differences(wanted, webhook)
    holds: Mapping[State, Callable[[], bool]] = {
        "drifted": lambda: bool(differs),
        "no secret": lambda: webhook.id not in known.with_secret,
        "disabled": lambda: webhook.disabled_at is not None,
        "open": lambda: webhook.circuit_state == "open",
    }
    states = tuple(state for state, is_so in holds.items() if is_so())
    return Standing(wanted.topic, states or ("ok",), wanted, webhook, differs)


def _spare(topic: str, webhook: Webhook, known: Known) -> Standing:
    if topic in known.rotating:
        return Standing(topic, ("rotating",), None, webhook, ("takes the place of the other one",))
    return Standing(topic, ("extra",), None, webhook, ("nothing here needs it",))


def _foreign(webhook: Webhook, wanted: Sequence[Desired]) -> Standing:
    to_us = any(one.callback_url == webhook.callback_url for one in wanted)
    told = "not made by Copydesk, but posts here: events come twice" if to_us else "somebody else's"
    return Standing(webhook.topic or "", ("foreign",), None, webhook, (told,))


def _eldest_first(webhook: Webhook) -> tuple[bool, str, str]:
    created = webhook.created_at
    return created is None, created.isoformat() if created else "", webhook.id


def _listed(names: Sequence[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
