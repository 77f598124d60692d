"""Is it authentic, and what does it say? Pure: bytes in, a value or a refusal out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from service import documents, events, payloads
from service.arrivals import Arrival, Origin
from service.errors import BodyUnreadable, RequestRefused
from service.router import Router
from service.settings import Settings
from service.signature import LENGTH, Key, verify
from service.vault import Vault

# The provider's own examples accept bodies of 5 MB: https://docs.commercelayer.io/core/real-time-webhooks
MAX_BODY = 5 * 1024 * 1024
# Parsing a hostile body of this size costs a few milliseconds; of 5 MB, up to a second, and the sender waits.
MAX_PARSED_AT_ONCE = 256 * 1024


@dataclass(frozen=True)
class Door:
    """Decides what comes in, by the settings and the handlers of one installation.

    Attributes:
        vault: seals what is kept, where the settings have encryption keys.
    """

    organization: str
    mode: str
    keys: Mapping[str, tuple[Key, ...]]
    router: Router
    vault: Vault = field(default_factory=Vault)

    @classmethod
    def of(cls, settings: Settings, router: Router) -> Door:
        """Make the door of an installation."""
        keys = {
            topic: tuple(Key.from_text(secret.get_secret_value()) for secret in secrets)
            for topic, secrets in settings.webhook_secrets.items()
        }
        return cls(settings.organization, settings.mode, keys, router, Vault(settings.encryption_keys))

    def expect(self, topic: str, told_topic: str | None, signature: str | None) -> tuple[tuple[Key, ...], bytes]:
        """Refuse, before a byte of the body is read, what cannot be authentic.

        Args:
            topic: the topic that the path names.
            told_topic: the value of X-CommerceLayer-Topic, None where the header is missing.
            signature: the value of X-CommerceLayer-Signature, likewise.

        Returns:
            The keys of the topic and the signature as bytes.

        Raises:
            RequestRefused: 401; the sender learns no more than that.
        """
        keys = self.keys.get(topic)
        if not keys:
            raise RequestRefused(401, "unknown topic")
        if told_topic != topic:
            raise RequestRefused(401, "topic mismatch")
        if signature is None or len(signature) != LENGTH or not signature.isascii():
            raise RequestRefused(401, "no signature" if signature is None else "malformed signature")
        return keys, signature.encode("ascii")

    def verify(self, keys: tuple[Key, ...], signature: bytes, body: bytes) -> Key:
        """Find the key that signed the body.

        Raises:
            RequestRefused: 401, none of them did.
        """
        key = verify(keys, body, signature)
        if key is None:
            raise RequestRefused(401, "bad signature")
        return key

    def admit(
        self, topic: str, body: bytes, headers: str, key: Key, now: datetime, *, origin: Origin = "webhook"
    ) -> Arrival:
        """Say what an authentic body is: an event with its outcomes, or something to keep apart."""
        arrival = self.take(topic, body, headers, key.fingerprint, now, origin)
        if len(body) > MAX_PARSED_AT_ONCE:
            return replace(arrival, apart="deferred", reason=f"{len(body)} bytes are read by a worker")
        return self.understand(arrival)

    def take(
        self, topic: str, body: bytes, headers: str, fingerprint: str | None, now: datetime, origin: Origin
    ) -> Arrival:
        """Prepare the bytes for the store; what they say is not looked at."""
        return Arrival(topic, now, body, payloads.kept(self.vault, body, headers), fingerprint, origin)

    def understand(self, arrival: Arrival) -> Arrival:
        """Parse the body and let the handlers speak, whatever its size."""
        try:
            event = events.read(
                arrival.topic, documents.parse(arrival.body), organization=self.organization, mode=self.mode
            )
        except BodyUnreadable as error:
            return replace(arrival, apart="quarantine", reason=str(error))
        return replace(arrival, event=event, verdict=self.router.dispatch(event), apart=None, reason=None)
