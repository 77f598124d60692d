"""How each cause of an alert is told: a table, and looking into it. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cause:
    """How a cause is told.

    Attributes:
        headline: empty where the cause's own words are it.
        advice: what to do.
        while_status: the status without which it is no longer so.
        one_by_one: told each time; otherwise failures of one cause are one incident.
        of_a_renewal: what to do where it is a renewal, which nobody can copy again by hand; empty: as `advice`.
    """

    headline: str
    advice: str
    while_status: str | None = None
    one_by_one: bool = False
    of_a_renewal: str = ""


# Looked up by the words a cause begins with; behind them stands what tells two occurrences apart.
CAUSES: dict[str, Cause] = {
    "copy failed": Cause(
        "Order copy failed",
        "Mend what the error names, then place the pending target order by hand, or copy the order again.",
        while_status="failed",
        of_a_renewal="Mend what the error names, then place the pending target order by hand: no other try is made"
        " before the next run.",
    ),
    "copy aborted": Cause(
        "Order copy aborted",
        "No webhook tells it and nobody tries it again: see why, and copy the order again if it is still wanted.",
        while_status="aborted",
        of_a_renewal="No webhook tells it, and no other try is made before the next run: see why, and whether the"
        " customer has the order of this one.",
    ),
    "copy gone": Cause(
        "Order copy deleted unheard",
        "The provider does not list it any more. If nobody deleted it on purpose, see who did.",
        while_status="destroyed",
    ),
    "recovery": Cause(
        "Copydesk has recovered from an outage", "Nothing; this is for your information.", one_by_one=True
    ),
    "run failed": Cause(
        "Subscription renewal failed",
        "Look at its newest copy. The platform does not try again before the next run.",
    ),
    "completed with errors": Cause(
        "Order copy completed, but skipped errors", "Compare the two orders: the target may lack something."
    ),
    "target not placed": Cause(
        "Order copy completed, but its target order is not placed",
        "See why the target was not placed; place it by hand, or ask the customer to pay.",
    ),
    "replaced by an unplaced order": Cause(
        "Order copy cancels its source without placing the target",
        "Place the target order, or the customer has no order.",
    ),
    "source order left alone": Cause(
        "Source order left alone", "Decide whether it should be cancelled, and cancel it in the dashboard."
    ),
    "cancelled in the platform's place": Cause(
        "Copydesk cancelled a source order that the platform had forgotten", "Nothing; this is for your information."
    ),
    "credentials refused": Cause(
        "Commerce Layer does not accept Copydesk's credentials",
        "Set COPYDESK_CLIENT_ID and COPYDESK_CLIENT_SECRET anew and restart the workers; follow-ups wait until then.",
        one_by_one=True,
    ),
    "bad signatures": Cause(
        "Deliveries with a bad signature",
        "If its secret changed, set the new one now: after 30 failures the platform stops the webhook.",
        one_by_one=True,
    ),
    "circuit open": Cause(
        "Circuit open: a webhook is silent",
        "Mend why deliveries failed, then `copydesk recover`; what happened meanwhile is not sent by itself.",
        one_by_one=True,
    ),
    **{
        f"{level} of 30 failures": Cause(
            f"Deliveries fail: {level} in a row, and at 30 the platform stops the webhook",
            "See `copydesk doctor` and the log of `copydesk serve`: an address, a secret or the database is wrong.",
            one_by_one=True,
        )
        for level in (5, 15, 25)
    },
    **{
        f"webhook {what}": Cause(
            f"Webhook {what}", "Ask who did it; `copydesk webhooks apply` mends it.", one_by_one=True
        )
        for what in ("drifted", "disabled", "gone")
    },
    "follow-up ended badly": Cause(
        "A follow-up could not be done", "Mend what it names and have it tried again, or do it by hand."
    ),
    "recovered": Cause("", "Nothing; this is for your information.", one_by_one=True),
}
_OWN_WORDS = Cause("", "See the audit trail.", one_by_one=True)


def cause_of(words: str) -> Cause:
    """How a cause is told; a handler's own cause is its own headline."""
    return CAUSES.get(known_words(words), _OWN_WORDS)


def known_words(words: str) -> str:
    """The words of a known cause with which these begin; empty where it is a handler's own."""
    return next((known for known in CAUSES if words.startswith(known)), "")
