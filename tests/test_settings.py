"""Settings: every mistake at once, by its variable's name, and no secret anywhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from service.errors import ConfigurationError
from service.settings import Role, Settings, load, variables

GOOD = "1c0994cc4e996e8c6ee56a2198f66f3c"
OTHER = "9f86d081884c7d659a2feaa0c55ad015"
SLACK = "https://hooks.slack.com/services/T0/B0/canarycanary"
CANARY = "canary-" * 5


def given(patch: pytest.MonkeyPatch, **values: object) -> None:
    """Set variables, named without their prefix."""
    for name, value in values.items():
        patch.setenv(f"COPYDESK_{name.upper()}", value if isinstance(value, str) else json.dumps(value))


def mistakes(role: Role = "cli") -> list[str]:
    """What is wrong with the settings."""
    try:
        load(role)
    except ConfigurationError as error:
        assert str(error) == "\n".join(error.mistakes)  # noqa: PT017 - one message holds them all
        return error.mistakes
    return []


def test_defaults() -> None:
    """A command needs nothing; everything has a default that harms nobody."""
    settings = load()
    assert settings.database_url.get_secret_value() == "sqlite:///copydesk.db"
    assert (settings.mode, settings.cancel_policy, settings.has_client, settings.bind) == (
        "test",
        "requested",
        False,
        "127.0.0.1:8080",
    )


def test_what_each_role_needs() -> None:
    """Neither the web process nor a worker is started without organization; secrets may be in the store."""
    assert [m.split(":")[0] for m in mistakes("web")] == ["COPYDESK_ORGANIZATION"]
    assert mistakes("web") == ["COPYDESK_ORGANIZATION: is not set (the organization's id)"]
    assert [m.split(":")[0] for m in mistakes("worker")] == ["COPYDESK_ORGANIZATION"]


def test_all_mistakes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Misspelt variables, bad values, contradictions and what is missing are told in one message."""
    given(
        monkeypatch,
        databse_url="x",
        mode="staging",
        cancel_grace_seconds="soon",
        webhook_secrets={"orders.place": "short", "Orders": GOOD, "orders.cancel": []},
        slack_webhook_url="https://example.com/hook",
        client_id="an-id",
    )
    found = mistakes("web")
    for beginning in (
        "COPYDESK_DATABSE_URL: is not a setting",
        "COPYDESK_MODE: ",
        "COPYDESK_CANCEL_GRACE_SECONDS: ",
        "COPYDESK_WEBHOOK_SECRETS: the secret of orders.place is shorter",
        "COPYDESK_WEBHOOK_SECRETS: 'Orders' is not a topic",
        "COPYDESK_WEBHOOK_SECRETS: orders.cancel has no secret",
        "COPYDESK_SLACK_WEBHOOK_URL: ",
        "COPYDESK_CLIENT_ID and COPYDESK_CLIENT_SECRET: ",
        "COPYDESK_API_URL: is needed",
        "COPYDESK_ORGANIZATION: is not set",
    ):
        assert [m for m in found if m.startswith(beginning)], beginning
    assert len(found) == 10


@pytest.mark.parametrize(
    "secrets",
    [
        "not JSON " + CANARY,
        [CANARY],
        {"orders.place": ""},
        {"orders.place": f" {CANARY}"},
        {"orders.place": f"{CANARY}\0"},
        {"orders.place": f"{CANARY}é"},
        {"orders.place": CANARY[:10]},
        {"orders.place": [CANARY, CANARY[:10]]},
        {"orders.place": CANARY, "orders.cancel": CANARY},
        {"orders.place": {"secret": CANARY}},
        {"orders.place": [1]},
        {"orders.place": None},
        {f"{CANARY}1": "orders.place"},
        {"orders": CANARY},
        {"orders.*": CANARY},
        {"*": CANARY},
        {"a/b.c": CANARY},
    ],
    ids=lambda value: str(value)[:40],
)
def test_bad_secrets_are_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, secrets: object) -> None:
    """A secret that would let in what it should not stops the start, in words that do not hold it."""
    given(monkeypatch, webhook_secrets=secrets, organization="xRRkjDFafe")
    found = mistakes("web")
    assert found
    assert all(m.startswith("COPYDESK_WEBHOOK_SECRETS: ") for m in found)
    assert "canary" not in str(found)


def test_one_secret_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic has one secret, or a list while it is rotated."""
    given(monkeypatch, webhook_secrets={"orders.place": GOOD, "orders.cancel": [OTHER, GOOD[::-1]]})
    secrets = {t: [s.get_secret_value() for s in keys] for t, keys in load().webhook_secrets.items()}
    assert secrets == {"orders.place": [GOOD], "orders.cancel": [OTHER, GOOD[::-1]]}


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither repr nor str of the settings holds a secret, the database's password included."""
    given(
        monkeypatch,
        webhook_secrets={"orders.place": CANARY},
        client_id="id",
        client_secret=CANARY,
        api_url="https://slug.commercelayer.io",
        slack_webhook_url=SLACK,
        database_url=f"postgresql://user:{CANARY}@host/db",
    )
    settings = load()
    assert "canary" not in repr(settings) + str(settings) + f"{settings.webhook_secrets}"
    assert settings.client_secret.get_secret_value() == CANARY


@pytest.mark.parametrize("variable", ["COPYDESK_SECRETS_DIR", "CREDENTIALS_DIRECTORY"])
def test_secrets_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str) -> None:
    """A file named like a variable gives its value, without the newline at its end; the environment comes first."""
    (tmp_path / "COPYDESK_WEBHOOK_SECRETS").write_text(json.dumps({"orders.place": GOOD}) + "\n")
    (tmp_path / "COPYDESK_ORGANIZATION").write_text("fromafile\n")
    monkeypatch.setenv(variable, str(tmp_path))
    settings = load("web")
    assert settings.webhook_secrets["orders.place"][0].get_secret_value() == GOOD
    assert settings.organization == "fromafile"
    given(monkeypatch, organization="fromtheenv")
    assert load("web").organization == "fromtheenv"


def test_a_missing_directory_of_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that is not there is a mistake and not a silence."""
    given(monkeypatch, secrets_dir="/nowhere/at/all")
    assert mistakes() == ["COPYDESK_SECRETS_DIR: there is no directory /nowhere/at/all"]


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("api_url", "https://slug.commercelayer.io/", True),
        ("api_url", "http://127.0.0.1:3000", True),
        ("api_url", "http://localhost:3000", True),
        ("api_url", "http://slug.commercelayer.io", False),
        ("api_url", "slug.commercelayer.io", False),
        ("api_url", "https://", False),
        ("api_url", "http://127.0.0.1.evil.example", False),
        ("api_url", "http://localhost@evil.example", False),
        ("api_url", "file:///etc/passwd", False),
        ("api_url", "https://[bad", False),
        ("slack_webhook_url", SLACK, True),
        ("slack_webhook_url", SLACK.replace("https", "http"), False),
        ("slack_webhook_url", "https://hooks.slack.com.evil.example/x", False),
        ("slack_webhook_url", "https://hooks.slack.com@evil.example/x", False),
        ("slack_webhook_url", "http://127.0.0.1:3000/slack", False),  # only beside a sandbox's API
        ("database_url", "sqlite:///", False),
        ("database_url", "mysql://x/y", False),
        ("database_url", "sqlite:///:memory:", False),
        ("database_url", "sqlite:///file:x?mode=memory&uri=true", False),
        ("database_url", "sqlite:////srv/copydesk.db", True),
        ("database_url", "postgresql:///db?host=/run/postgresql", True),
        ("database_url", "postgresql://h:5432", False),
        ("bind", "0.0.0.0:0", True),
        ("bind", "localhost:65535", True),
        ("bind", "[::1]:8080", True),
        ("bind", "unix:/run/copydesk/web.sock", True),
        ("bind", "127.0.0.1:65536", False),
        ("bind", "127.0.0.1", False),
        ("bind", "8080", False),
        ("bind", ":8080", False),
        ("bind", "::1:8080", False),
        ("bind", "[::1::]:8080", False),
        ("bind", "http://127.0.0.1:8080", False),
        ("bind", "unix:", False),
        ("bind", "unix", False),
        ("organization", "../x", False),
        ("web_workers", "0", False),
        ("cancel_metadata_key", "", True),  # empty is as good as not set
        ("mode", "live", True),
        ("mode", "LIVE", False),
    ],
)
def test_values(monkeypatch: pytest.MonkeyPatch, name: str, value: str, accepted: bool) -> None:
    """Addresses lead to where they say, over https unless to this machine; words are of their lists."""
    given(monkeypatch, **{name: value})
    assert (mistakes() == []) is accepted
    assert all(m.startswith(f"COPYDESK_{name.upper()}: ") for m in mistakes())


def test_a_sandbox_may_stand_in_for_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both addresses are this machine's, or neither is."""
    given(monkeypatch, slack_webhook_url="http://127.0.0.1:3000/slack", api_url="http://127.0.0.1:3000")
    assert mistakes() == []


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_urls(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    """Every usual spelling of the scheme means the one driver."""
    given(monkeypatch, database_url=f"{scheme}://u:p@h/d")
    assert load().database_url.get_secret_value() == "postgresql+psycopg://u:p@h/d"


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:{CANARY}@h:notaport/db",
        f"postgresql://u:{CANARY}@h:70000/db",
        f"postgresql://{CANARY}:hunter2",
        f"postgresql://{CANARY}",
        f"postgresql://u:{CANARY}@x@h/db",
        f"mysql://u:{CANARY}@h/db",
        f"sqlite://{CANARY}",
        CANARY,
    ],
)
def test_a_malformed_database_url_is_one_constant_sentence(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """What is wrong with a URL may be its password, so nothing of it is repeated."""
    given(monkeypatch, database_url=url)
    (told,) = mistakes()
    assert told.startswith("COPYDESK_DATABASE_URL: must be sqlite:///FILE or postgresql://")
    assert "canary" not in told
    assert "hunter2" not in told


def test_a_topic_written_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two secrets of one topic neither is dropped in silence: the message says how to keep both."""
    given(monkeypatch, webhook_secrets=f'{{"orders.place": "{GOOD}", "orders.place": "{OTHER}"}}')
    assert mistakes() == [
        "COPYDESK_WEBHOOK_SECRETS: 'orders.place' is written twice; give a topic its secrets as a list"
    ]


@pytest.mark.parametrize("secrets", [{"orders.place": 5}, {"orders.place": [1]}, {"orders.place": {}}])
def test_what_is_no_secret_is_told_in_our_words(monkeypatch: pytest.MonkeyPatch, secrets: object) -> None:
    """Nobody reads of tuples who wrote JSON."""
    given(monkeypatch, webhook_secrets=secrets)
    (told,) = mistakes()
    assert told.endswith("must have a secret, or a list of secrets, for each topic: all of them texts")


def test_frozen_and_described() -> None:
    """Nobody changes a setting at run time, and each has a description."""
    with pytest.raises(Exception, match="frozen"):
        Settings().mode = "live"
    assert all(variables().values())
