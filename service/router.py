"""Which handlers an event goes to, and what came of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from types import ModuleType

from service.errors import ConfigurationError
from service.events import Event
from service.outcomes import Cured, FollowUp, Note, Outcome, Transition
from service.topics import KNOWN_TOPICS

HandlerFunction = Callable[[Event], Sequence[Outcome]]


@dataclass(frozen=True)
class Handler:
    """A pure function from an event to outcomes, registered for topics. Calling it calls the function."""

    topics: tuple[str, ...]
    function: HandlerFunction

    @property
    def name(self) -> str:
        """The function's name, by which errors and `doctor` speak of the handler."""
        return self.function.__name__

    def __call__(self, event: Event) -> Sequence[Outcome]:
        """Say what should be so after `event`."""
        return self.function(event)


def on(*topics: str) -> Callable[[HandlerFunction], Handler]:
    """Register a handler for topics: exact ones, a whole resource as `orders.*`, or everything as `*`."""
    return lambda function: Handler(topics, function)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the handlers said of one event.

    Attributes:
        handled: how many handlers it went to.
        errors: one line for each handler that raised; the outcomes of the others stand.
    """

    handled: int = 0
    transitions: tuple[Transition, ...] = ()
    notes: tuple[Note, ...] = ()
    follow_ups: tuple[FollowUp, ...] = ()
    errors: tuple[str, ...] = ()
    cured: tuple[Cured, ...] = ()


@dataclass
class Router:
    """The switchboard, made from an explicit, ordered list of modules.

    Raises:
        ConfigurationError: two handlers have one name.
    """

    modules: Sequence[ModuleType]
    handlers: tuple[Handler, ...] = field(init=False)
    _by_topic: dict[str, tuple[Handler, ...]] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.handlers = tuple(
            value for module in self.modules for value in vars(module).values() if isinstance(value, Handler)
        )
        names = [handler.name for handler in self.handlers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigurationError([f"two handlers are named {name}; a name is for one" for name in twice])

    def for_topic(self, topic: str) -> tuple[Handler, ...]:
        """The handlers of a topic, in the order of the switchboard."""
        # Topics come from the configured secrets, so this stays as small as they are.
        if topic not in self._by_topic:
            wanted = (topic, f"{topic.partition('.')[0]}.*", "*")
            self._by_topic[topic] = tuple(h for h in self.handlers if any(t in wanted for t in h.topics))
        return self._by_topic[topic]

    def misspelt(self) -> list[str]:
        """Topics that handlers ask for and that the provider does not publish: worth a warning at start.

        Not an error, since the provider's list grows.
        """
        asked = {t for h in self.handlers for t in h.topics if t != "*"}
        return sorted(t for t in asked if not _published(t))

    def wanted(self) -> list[str]:
        """The published topics that handlers name, by themselves or by their resource."""
        asked = [t.partition(".") for h in self.handlers for t in h.topics if t != "*"]
        found = {
            f"{resource}.{one}"
            for resource, _, action in asked
            for one in (KNOWN_TOPICS.get(resource, ()) if action == "*" else (action,))
        }
        return sorted(t for t in found if _published(t))

    def dispatch(self, event: Event) -> Verdict:
        """Give `event` to its handlers; one that raises does not keep the others from their say."""
        outcomes: list[Outcome] = []
        errors: list[str] = []
        handlers = self.for_topic(event.topic)
        for handler in handlers:
            try:
                outcomes += _checked(handler(event))
            except Exception as error:  # noqa: BLE001 - whatever a handler raises, the event must be kept with it
                errors.append(f"{handler.name}: {type(error).__name__}: {error}")
        return Verdict(
            handled=len(handlers),
            transitions=tuple(o for o in outcomes if isinstance(o, Transition)),
            notes=tuple(o for o in outcomes if isinstance(o, Note)),
            follow_ups=tuple(o for o in outcomes if isinstance(o, FollowUp)),
            cured=tuple(o for o in outcomes if isinstance(o, Cured)),
            errors=tuple(errors),
        )


def _checked(outcomes: Iterable[Outcome]) -> list[Outcome]:
    outcomes = list(outcomes)
    for outcome in outcomes:
        if not isinstance(outcome, Transition | Note | Cured | FollowUp):
            raise TypeError(f"returned {type(outcome).__name__}, which is not an outcome")
    return outcomes


def _published(topic: str) -> bool:
    resource, _, action = topic.partition(".")
    return action in KNOWN_TOPICS.get(resource, ()) or (action == "*" and resource in KNOWN_TOPICS)
