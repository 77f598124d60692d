"""Settings: environment variables named COPYDESK_…, as one frozen value.

What each may be stands here and in `service.soundness`; from where they come, in `service.settings.loading`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from service.soundness import (
    check_audit_keys,
    check_bind,
    check_checkpoints_file,
    check_encryption_key,
    check_own_address,
    check_secrets,
    check_topics,
    database_address,
    is_https,
    is_loopback,
    listed,
    secrets_by_topic,
)

PREFIX = "COPYDESK_"
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")


class Settings(BaseSettings):
    """One frozen value for the whole process; its repr shows no secret."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    database_url: SecretStr = Field(
        SecretStr("sqlite:///copydesk.db"),
        description="Where everything is kept: sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/DATABASE.",
    )
    webhook_secrets: Annotated[dict[str, tuple[SecretStr, ...]], NoDecode, BeforeValidator(secrets_by_topic)] = Field(
        default_factory=dict, description="JSON: topic to secret, or to a list while a secret is rotated."
    )
    public_url: str = Field(
        "", description="Where the provider reaches the web process: https://HOST, without /webhooks and the topic."
    )
    webhook_topics: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(),
        description="Topics to have webhooks for, with commas, orders.* among them; empty: all that handlers name.",
    )
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(),
        description="Keys for secrets and bodies in the store, with commas: the first encrypts, all decrypt.",
    )
    audit_key: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(), description="Keys of the audit log, with commas: the first signs, the others once more beside it."
    )
    checkpoints_file: str = Field(
        "", description="Where heads of the audit log are published: a file outside of the database's directory."
    )
    organization: str = Field("", description="The organization's id; events of another one are quarantined.")
    mode: Literal["test", "live"] = Field("test", description="test or live; events of the other are quarantined.")
    client_id: str = Field("", description="Client id of an integration application.")
    client_secret: SecretStr = Field(SecretStr(""), description="Its secret.")
    api_url: str = Field("", description="The organization's base URL: https://SLUG.commercelayer.io")
    auth_url: str = Field("https://auth.commercelayer.io", description="Where access tokens are issued.")
    dashboard_url: str = Field(
        "https://dashboard.commercelayer.io", description="Where links in alerts and pages lead."
    )
    slack_webhook_url: SecretStr = Field(SecretStr(""), description="A Slack incoming webhook; empty: no alerts.")
    cancel_policy: Literal["requested", "never", "metadata"] = Field(
        "requested",
        description="When a replaced source order may be cancelled: requested, never or metadata.",
    )
    cancel_metadata_key: str = Field(
        "cancel_source_order",
        min_length=1,
        description="With the policy metadata: the key on the copy that must be true.",
    )
    cancel_grace_seconds: int = Field(
        300, ge=0, le=86_400, description="How long the platform may take to cancel before Copydesk steps in."
    )
    dry_run: bool = Field(False, description="true: record what would be done outside, and do not do it.")
    attempts_per_minute: int = Field(
        0,
        ge=0,
        le=10_000,
        description="Follow-ups that ask the API, a minute, all workers together; 0 takes the mode's published budget.",
    )
    sweep_minutes: int = Field(
        15, ge=0, le=1440, description="Minutes between two sweeps of the API by the workers; 0: only by hand."
    )
    stuck_minutes: int = Field(
        60, ge=1, le=100_000, description="How long a copy may be pending or in progress before it is an incident."
    )
    renewal_grace_minutes: int = Field(
        120, ge=1, le=100_000, description="How long after its time a renewal may stay away before it is an incident."
    )
    shown_metadata: Annotated[tuple[str, ...], NoDecode, BeforeValidator(listed)] = Field(
        default=(), description="Keys of metadata whose values may be shown, with commas; all others are masked."
    )
    keep_bodies_days: int = Field(
        90, ge=0, le=36_500, description="Days for which bodies and headers are kept; 0: for ever."
    )
    keep_metadata_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="Days after its newest event for which a subject is known by name; 0: for ever.",
    )
    keep_refusals_days: int = Field(
        30, ge=0, le=36_500, description="Days for which counts of refused requests are kept; 0: for ever."
    )
    bind: str = Field("127.0.0.1:8080", description="Where the web process listens: HOST:PORT or unix:PATH.")
    web_workers: int = Field(2, ge=1, le=32, description="Web worker processes.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least level logged.")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: SecretStr) -> SecretStr:
        return SecretStr(database_address(url.get_secret_value()))

    @field_validator("webhook_secrets")
    @classmethod
    def _sound_secrets(cls, by_topic: dict[str, tuple[SecretStr, ...]]) -> dict[str, tuple[SecretStr, ...]]:
        check_secrets(by_topic)
        return by_topic

    @field_validator("webhook_topics")
    @classmethod
    def _sound_topics(cls, topics: tuple[str, ...]) -> tuple[str, ...]:
        check_topics(topics)
        return topics

    @field_validator("encryption_keys")
    @classmethod
    def _sound_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for number, key in enumerate(keys, 1):
            check_encryption_key(number, key.get_secret_value())
        return keys

    @field_validator("audit_key")
    @classmethod
    def _sound_audit_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        check_audit_keys([key.get_secret_value() for key in keys])
        return keys

    @field_validator("public_url", "api_url", "auth_url", "dashboard_url")
    @classmethod
    def _https_or_loopback(cls, url: str) -> str:
        if url and not is_https(url) and not is_loopback(url):
            raise ValueError("must be an https:// address (http:// is accepted for this machine only)")
        return url.rstrip("/")

    @field_validator("public_url")
    @classmethod
    def _an_address_of_ours(cls, url: str) -> str:
        check_own_address(url)
        return url

    @field_validator("bind")
    @classmethod
    def _an_address_to_listen_on(cls, bind: str) -> str:
        check_bind(bind)
        return bind

    @field_validator("organization")
    @classmethod
    def _an_id(cls, value: str) -> str:
        if value and not re.fullmatch(r"[A-Za-z0-9]{1,32}", value):
            raise ValueError("must be the organization's id, such as xRRkjDFafe (letters and digits)")
        return value

    @model_validator(mode="after")
    def _together(self) -> Settings:
        mistakes = []
        slack = self.slack_webhook_url.get_secret_value()
        if slack:
            host = urlsplit(slack).hostname
            sandboxed = is_loopback(slack) and is_loopback(self.api_url)
            if not sandboxed and not (is_https(slack) and host in SLACK_HOSTS):
                mistakes.append(f"{PREFIX}SLACK_WEBHOOK_URL: must be an https:// address at {SLACK_HOSTS[0]}")
        if bool(self.client_id) != bool(self.client_secret.get_secret_value()):
            mistakes.append(f"{PREFIX}CLIENT_ID and {PREFIX}CLIENT_SECRET: set both, or neither")
        if self.client_id and not self.api_url:
            mistakes.append(f"{PREFIX}API_URL: is needed with {PREFIX}CLIENT_ID, https://SLUG.commercelayer.io")
        if self.checkpoints_file:
            try:
                check_checkpoints_file(self.checkpoints_file, self.database_url.get_secret_value())
            except ValueError as error:
                mistakes.append(f"{PREFIX}CHECKPOINTS_FILE: {error}")
        if mistakes:
            raise ValueError("\n".join(mistakes))
        return self

    @property
    def has_client(self) -> bool:
        """Whether Copydesk may ask Commerce Layer anything at all."""
        return bool(self.client_id)
