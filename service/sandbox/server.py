"""The sandbox as a server: in a thread for tests, or as a process of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from flask import Flask
from flask.json.provider import DefaultJSONProvider

from service.sandbox import bulk, scenarios, stage, webhooks
from service.sandbox.api import authorization, resources
from service.sandbox.control import control
from service.sandbox.trouble import Trouble
from service.sandbox.unrest import Disquiet
from service.sandbox.wire import Server
from service.sandbox.world import Options, World


class _JSON(DefaultJSONProvider):
    """Logs are read by people: their members stay in the order in which they are written."""

    sort_keys = False


class Sandbox:
    """A local Commerce Layer.

    As a context manager it listens from the beginning to the end of the block:

        with Sandbox(callback="http://127.0.0.1:8080/webhooks", secrets={"order_copies.fail": "…"}) as sandbox:
            sandbox.play("good-copy")

    Attributes:
        options: how it was set up.
        url: base URL of the API and of the authorization server; empty until it listens.
    """

    def __init__(self, options: Options | None = None, **settings: Any) -> None:
        """Set up a sandbox that does not listen yet.

        Args:
            options: all settings together.
            settings: or each by its name, as in `Options`.

        Raises:
            ConfigurationError: an address that is not of this machine.
        """
        self.options = options or Options(**settings)
        self._world = World(self.options)
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base URL of the API and of the authorization server; empty until it listens."""
        return self._world.url

    def start(self) -> Self:
        """Listen, in a thread of its own.

        Raises:
            OSError: the port is taken.
        """
        app = Flask("sandbox", static_folder=None)
        app.json = _JSON(app)
        for blueprint in (authorization(self._world), resources(self._world), control(self._world)):
            app.register_blueprint(blueprint)
        try:
            self._server = Server(self.options.host, self.options.port, app)
        except OSError:
            self._world.close()
            raise
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        self._world.url = f"http://{host}:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve, name="sandbox-http")
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop listening, finish what is under way and stop every thread; a second time does nothing."""
        self._world.stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.stop()
            self._thread.join()
            self._server.server_close()
            self._server = None
        self._world.close()

    def play(self, scenario: str, **arguments: Any) -> dict[str, Any]:
        """Play one scenario and return the ids of what it made.

        Raises:
            KeyError: there is no such scenario.
            ValueError: it does not take that argument or value.
            TimeoutError: a factory did not come to its end.
        """
        return scenarios.play(self._world, scenario, arguments)

    def make_order(self, **attributes: Any) -> str:
        """Make an order in any state, with the attributes of `stage.NewOrder`; its id."""
        return stage.make_order(self._world, stage.NewOrder(**attributes)).id

    def make_factories(self, **crowd: Any) -> dict[str, Any]:
        """Make many factories that lived in the past and of which nobody was told, with the fields of `bulk.Crowd`."""
        return bulk.make_crowd(self._world, bulk.Crowd(**crowd), bulk.ignore)

    def make_subscription(self, **attributes: Any) -> str:
        """Make a subscription, with the attributes of `stage.NewSubscription`; its id."""
        return stage.make_subscription(self._world, stage.NewSubscription(**attributes)).id

    def change_webhook(self, webhook: str, **changes: Any) -> None:
        """Change a webhook by hand: its id or topic, attributes by name, and `disabled`.

        Raises:
            KeyError: there is no such webhook.
            ValueError: something that cannot be changed.
        """
        webhooks.drift(self._world, webhook, changes)

    def unrest(self, **kind: Any) -> None:
        """Touch rows after each list call, with the fields of `unrest.Disquiet`; zero rows is rest."""
        self._world.unrest.order(Disquiet(**kind))

    def settle(self, timeout: float = 30.0) -> bool:
        """Wait, at most `timeout` seconds, until no copy runs and no delivery is under way; tell whether it is so."""
        return self._world.background.settled(timeout)

    def trouble(self, **trouble: Any) -> None:
        """Order trouble, with the fields of `trouble.Trouble`.

        Raises:
            ValueError: there is nothing to do in it.
        """
        self._world.troubles.order(Trouble(**trouble))

    def reset(self) -> None:
        """Forget everything that happened and make the webhooks anew."""
        self._world.reset()

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Every request to the API and the token endpoint: {at, method, path, query, status, …}, oldest first."""
        return [*self._world.calls]

    @property
    def effects(self) -> list[dict[str, str]]:
        """Every effective change: {at, effect, type, id, by, cause}, oldest first."""
        with self._world.state.lock:
            return [*self._world.state.effects]

    @property
    def deliveries(self) -> list[dict[str, Any]]:
        """Every attempt to deliver a webhook: {at, topic, resource, attempt, status, …}, oldest first."""
        with self._world.state.lock:
            return [*self._world.deliveries.attempts]

    @property
    def budgets(self) -> list[dict[str, Any]]:
        """Every rate limit's window that was used: {endpoint, seconds, limit, used, highest, at, exceeded}."""
        return self._world.limits.budgets()

    @property
    def slack(self) -> list[dict[str, Any]]:
        """What Slack was told: {at, payload}, oldest first."""
        return self._world.slack.messages()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(sandbox: Sandbox, ready: Callable[[Sandbox], object] = lambda _sandbox: None) -> None:
    """Listen until SIGTERM or SIGINT, then close; called from the main thread.

    Args:
        sandbox: one that does not listen yet.
        ready: called once it listens, for saying where.

    Raises:
        OSError: the port is taken.
    """
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with sandbox:
            ready(sandbox)
            stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
