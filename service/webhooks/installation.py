"""What carrying out needs: the provider, the store, the keys, and who asked. And the writes that go together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from service.clients.commerce_layer import CommerceLayer
from service.errors import Refused
from service.intake.keys import PICKED_UP
from service.outcomes import Param
from service.resources import Webhook
from service.router import Router
from service.settings import Settings
from service.signature import Key
from service.store import Store, webhook_rotations, webhook_secrets
from service.store.audit import entry, write_audit
from service.vault import Vault
from service.webhooks.desired import Desired, desired
from service.webhooks.plan import Known, Standing, plan


@dataclass(frozen=True)
class Installation:
    """One installation's webhooks, and somebody who looks after them.

    Attributes:
        actor: who, for the audit trail.
        reason: why, likewise.
        picked_up: how long after a secret was stored every web process has it.
    """

    settings: Settings
    router: Router
    store: Store
    client: CommerceLayer
    actor: str
    reason: str | None = None
    picked_up: timedelta = PICKED_UP
    vault: Vault = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "vault", Vault(self.settings.encryption_keys))

    @property
    def wanted(self) -> tuple[Desired, ...]:
        """What there should be.

        Raises:
            ConfigurationError: as `desired`.
        """
        return desired(self.settings, self.router)

    def known(self) -> Known:
        """What the store knows."""
        # Forty webhooks made in one go take minutes, since the provider's limits hold for them too.
        lately = datetime.now(UTC) - 30 * self.picked_up
        with self.store.read() as connection:
            kept = webhook_secrets.current(connection)
            return Known(
                webhook_secrets.known_webhooks(connection),
                frozenset(row.webhook_id for row in kept),
                frozenset(row.topic for row in webhook_rotations.under_way(connection)),
                frozenset(row.webhook_id for row in kept if row.created_at > lately),
            )

    def survey(self) -> tuple[Standing, ...]:
        """Ask the provider how every webhook stands; a page of 25 for each read.

        Raises:
            ConfigurationError: as `desired`.
            Refused, Unavailable: as every call.
            StoreUnavailable: the store cannot be read.
        """
        wanted, found = self.wanted, tuple(self.client.webhooks.list(sort="created_at,id").items())
        return plan(wanted, found, self.known())

    def store_secret(self, topic: str, webhook: Webhook) -> None:
        """Put a webhook's secret into the store, encrypted; asks for it where the answer at hand lacks it.

        Raises:
            Refused: the provider does not show it to these credentials.
            ConfigurationError: there is no encryption key.
        """
        secret = webhook.shared_secret or self.client.webhooks.retrieve(webhook.id).value.shared_secret
        if secret is None:
            raise Refused(f"webhooks/{webhook.id}: its secret is not shown to these credentials; they need to be admin")
        self.keep_secret(topic, webhook.id, secret)

    def keep_secret(self, topic: str, webhook_id: str, secret: SecretStr) -> None:
        """Encrypt and keep a secret; one that is kept already stays as it is."""
        fingerprint, now = Key.from_text(secret.get_secret_value()).fingerprint, datetime.now(UTC)
        ciphertext = self.vault.lock(secret)
        with self.store.write() as connection:
            if webhook_secrets.store(connection, topic, webhook_id, ciphertext, fingerprint, now):
                told = {"topic": topic, "key": fingerprint, "reason": self.reason}
                write_audit(
                    connection, [entry(now, f"webhooks/{webhook_id}", self.actor, "webhook.secret_stored", told)]
                )

    def note(self, webhook_id: str, action: str, **detail: Param) -> None:
        """Write down what was done to a webhook."""
        now = datetime.now(UTC)
        told: Mapping[str, Param] = {**detail, "reason": self.reason}
        with self.store.write() as connection:
            write_audit(connection, [entry(now, f"webhooks/{webhook_id}", self.actor, action, told)])

    def retire(self, topic: str, webhook_id: str) -> None:
        """Note that a webhook is gone; what it signed before is let in for a while yet."""
        now = datetime.now(UTC)
        with self.store.write() as connection:
            if webhook_secrets.retire(connection, webhook_id, now):
                told = {"topic": topic, "reason": self.reason}
                write_audit(connection, [entry(now, f"webhooks/{webhook_id}", self.actor, "webhook.deleted", told)])
