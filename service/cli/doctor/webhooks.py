"""Checks of webhooks: their address, the keys of their secrets, and whether every topic that is needed has one."""

from __future__ import annotations

from handlers import MODULES
from service.cli.doctor.findings import Finding, Patient, fail, ok, some, warn
from service.errors import ConfigurationError
from service.intake.keys import read_keys
from service.router import Router
from service.soundness import SHORTEST_SECRET, is_loopback
from service.store import webhook_rotations, webhook_secrets
from service.vault import Vault
from service.webhooks.desired import topics as needed

_FEW_CHARACTERS = 8


def address(patient: Patient) -> list[Finding]:
    """Where the provider reaches us."""
    url = patient.sound.public_url
    if not url:
        return warn("not set: webhooks are made and watched by hand", "set COPYDESK_PUBLIC_URL")
    if is_loopback(url) and not is_loopback(patient.sound.api_url):
        return fail(f"{url} is this machine, which the provider cannot reach", "set COPYDESK_PUBLIC_URL")
    return ok(url)


def keys(patient: Patient) -> list[Finding]:
    """Whether secrets in the store can be read, and new ones kept."""
    with patient.open.read() as connection:
        rows = webhook_secrets.accepted(connection, patient.now)
    vault = Vault(patient.sound.encryption_keys)
    if not rows and not patient.sound.encryption_keys:
        return ok("none, and no secret in the store")
    try:
        vault.check()
        for row in rows:
            vault.unlock(row.ciphertext)
    except ConfigurationError as error:
        return [f for mistake in error.mistakes for f in fail(mistake, "copydesk keys --help")]
    return ok(f"{len(patient.sound.encryption_keys)}, which decrypt {len(rows)} secrets in the store")


def secrets(patient: Patient) -> list[Finding]:
    """Which topics can be received, from the settings and the store, and whether the secrets are worth the name."""
    by_topic = _by_topic(patient)
    if not by_topic:
        told = "copydesk webhooks apply, or set COPYDESK_WEBHOOK_SECRETS; `serve` does not start without"
        return fail("no topic has a secret", told)
    several = sorted(topic for topic, of in by_topic.items() if of > 1)
    found = ok(f"{len(by_topic)} topics" + (f"; with more than one: {some(several)}" if several else ""))
    configured = patient.sound.webhook_secrets
    weak = [t for t, of in configured.items() if any(len(set(s.get_secret_value())) < _FEW_CHARACTERS for s in of)]
    if weak:
        told = f"use the webhook's own secret, {SHORTEST_SECRET} or more letters"
        found += warn(f"easy to guess: {some(weak)}", told)
    return found


def topics(patient: Patient) -> list[Finding]:
    """Topics that handlers ask for and nobody can deliver."""
    router = Router(MODULES)
    chosen = patient.sound.webhook_topics
    # Without a choice those named one by one; a rule about `orders.*` takes what there is.
    named = {topic for handler in router.handlers for topic in handler.topics if "*" not in topic}
    missing = sorted((set(needed(router, chosen)) if chosen else named) - set(_by_topic(patient)))
    found: list[Finding] = []
    if missing:
        found += warn(f"{len(missing)} that are needed have no secret: {some(missing)}", "copydesk webhooks plan")
    if misspelt := router.misspelt():
        found += warn(f"handlers ask for unpublished ones: {some(misspelt)}", "look for a typing mistake")
    return found or ok("all that handlers ask for have a secret")


def rotations(patient: Patient) -> list[Finding]:
    """Which topics are being rotated, and what they wait for."""
    with patient.open.read() as connection:
        found = webhook_rotations.under_way(connection)
    return ok("; ".join(f"{row.topic} waits {row.waits_for or 'for its turn'}" for row in found) or "none under way")


def _by_topic(patient: Patient) -> dict[str, int]:
    """How many secrets each topic has; the settings' alone where the store's cannot be read, which `keys` tells."""
    if patient.store is not None:
        try:
            with patient.open.read() as connection:
                found = read_keys(connection, patient.sound, patient.now).by_topic
            return {topic: len(of) for topic, of in found.items()}
        except ConfigurationError:
            pass
    return {topic: len(of) for topic, of in patient.sound.webhook_secrets.items()}
