"""copydesk erase, hold, retention, keys rotate and what doctor says of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import copydesk
from service.store import Store, open_store
from service.store.schema import audit_entries, deliveries, events
from service.vault import Vault
from tests.privacy.conftest import COPY, EMAIL, MINE, SOURCE, end_work, keys, tell_others, tell_story
from tests.rows import rows

Run = Callable[..., Result]


@pytest.fixture
def installation(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An installation without keys, its store open beside the commands."""
    monkeypatch.setenv("COPYDESK_DATABASE_URL", sqlite_url)
    monkeypatch.chdir(tmp_path)
    opened = open_store(sqlite_url)
    yield opened
    opened.close()


@pytest.fixture
def run() -> Run:
    """Calls a command in this process, without a terminal."""
    return lambda *told: CliRunner().invoke(copydesk, [str(one) for one in told], prog_name="copydesk")


def test_erase_says_what_goes_and_asks_first(installation: Store, run: Run) -> None:
    """All that belong together are named; without a terminal nobody can be asked, and nothing goes."""
    tell_story(installation)
    end_work(installation)
    told = json.loads(run("erase", COPY, "--dry-run", "--json").stdout)
    assert (told["subjects"], told["bodies"], told["dry_run"]) == (sorted(MINE), 3, True)
    refused = run("erase", MINE[0])
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert all(row["body"] for row in rows(installation, deliveries))
    done = run("erase", MINE[0], "--yes", "--by", "Robin", "--basis", "Art. 17", "--reason", "ticket 4")
    assert done.exit_code == 0, done.output
    assert "Erased: 3 subjects, 3 bodies" in done.stdout
    assert "backups" in done.stderr
    (first, *_) = [row for row in rows(installation, audit_entries) if row["action"] == "payload.erased"]
    told = json.loads(first["detail"])
    assert (first["actor"], told["basis"], told["reason"]) == ("operator Robin", "Art. 17", "ticket 4")
    again = run("erase", MINE[0], "--yes")
    assert again.exit_code == 1
    assert again.stderr.startswith("copydesk: it was erased already, and stands as erased/")


@pytest.mark.usefixtures("installation")
@pytest.mark.parametrize(
    ("told", "code"),
    [
        ((), 2),
        ((MINE[0], "--customer-email", EMAIL), 2),
        (("--customer-email", ""), 2),
        (("orders/Nobody0001",), 1),
        (("nonsense/../etc",), 1),
        (("--customer-email", EMAIL), 1),
    ],
)
def test_what_is_not_kept_or_not_named_is_one_line(run: Run, told: tuple[str, ...], code: int) -> None:
    """And no traceback."""
    result = run("erase", *told, "--yes")
    assert result.exit_code == code
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_a_customer_is_erased_by_the_address(
    installation: Store, run: Run, look: Callable[[str], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed bodies are searched with the keys; with others it is one line, and nothing goes."""
    right, wrong = keys(2)
    tell_story(installation, vault=Vault([right]))
    end_work(installation, f"told {EMAIL}")
    monkeypatch.setenv("COPYDESK_ENCRYPTION_KEYS", wrong.get_secret_value())
    refused = run("erase", "--customer-email", EMAIL, "--yes")
    assert (refused.exit_code, refused.stderr.count("\n")) == (3, 1)
    monkeypatch.setenv("COPYDESK_ENCRYPTION_KEYS", right.get_secret_value())
    done = run("erase", "--customer-email", EMAIL.title(), "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["deliveries"] == 3
    assert {name: look(name) for name in (EMAIL, COPY, SOURCE)} == {name: set() for name in (EMAIL, COPY, SOURCE)}


def test_a_hold_is_placed_listed_and_released(installation: Store, run: Run) -> None:
    """With who, when and why; erasing is refused in between."""
    tell_story(installation)
    end_work(installation)
    assert run("hold", "place", SOURCE, "--reason", "case 17", "--by", "Jo").stdout == f"orders/{SOURCE} is held.\n"
    assert "was held already" in run("hold", "place", SOURCE, "--reason", "again").stdout
    (held,) = json.loads(run("hold", "list", "--json").stdout)
    assert (held["subject"], held["reason"], held["placed_by"]) == (f"orders/{SOURCE}", "case 17", "operator Jo")
    refused = run("erase", COPY, "--yes")
    assert (refused.exit_code, "legal hold" in refused.stderr) == (1, True)
    assert run("hold", "release", SOURCE, "--yes").exit_code == 0
    assert json.loads(run("hold", "list", "--json").stdout) == []
    (held,) = json.loads(run("hold", "list", "--all", "--json").stdout)
    assert held["released_at"]
    actions = [row["action"] for row in rows(installation, audit_entries)]
    assert [one for one in actions if one.startswith("hold.")] == ["hold.placed", "hold.released"]
    assert run("hold", "release", SOURCE, "--yes").exit_code == 1


def test_a_hold_on_what_nobody_told_of_may_be_misspelt(installation: Store, run: Run) -> None:
    """It is placed all the same, since more may come; and it is said."""
    tell_story(installation)
    assert "is it spelt so?" not in run("hold", "place", SOURCE, "--reason", "case 17").stderr
    assert "is it spelt so?" in run("hold", "place", "orders/Misspelt", "--reason", "case 17").stderr


def test_retention_says_what_would_go_and_takes_it(installation: Store, run: Run) -> None:
    """By hand as by the clock."""
    tell_story(installation, at=datetime.now(UTC) - timedelta(days=91))
    tell_others(installation, 1)
    end_work(installation)
    told = json.loads(run("retention", "--dry-run", "--json").stdout)
    assert told == {"bodies": 3, "subjects": 0, "refusals": 0, "held_back": 0, "dry_run": True}
    assert run("retention").exit_code == 2
    assert json.loads(run("retention", "--yes", "--json").stdout)["bodies"] == 3
    assert sum(row["body"] is not None for row in rows(installation, deliveries)) == 1
    assert len(rows(installation, events)) == 4


def test_keys_rotate_seals_what_is_plain_and_doctor_says_how_it_is(
    installation: Store, run: Run, look: Callable[[str], set[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Afterwards the address is nowhere in the files, and the old key may go."""

    def payloads() -> tuple[str, str]:
        found = json.loads(run("doctor", "--offline", "--json").stdout)
        (one,) = (line for line in found if line["check"] == "payloads")
        return one["status"], one["found"]

    assert payloads() == ("warn", "no key is set: bodies and headers are kept as they come")
    tell_story(installation)
    old, new = keys(2)
    monkeypatch.setenv("COPYDESK_ENCRYPTION_KEYS", old.get_secret_value())
    assert payloads() == ("warn", "3 are plain, 0 under an old key, 0 sealed under the first")
    assert look(EMAIL)
    done = run("keys", "rotate", "--yes")
    assert done.exit_code == 0, done.output
    assert "3 sealed that were plain, 0 data keys wrapped anew" in done.stdout
    assert look(EMAIL) == set()
    monkeypatch.setenv("COPYDESK_ENCRYPTION_KEYS", f"{new.get_secret_value()},{old.get_secret_value()}")
    assert payloads() == ("warn", "0 are plain, 3 under an old key, 0 sealed under the first")
    assert "0 sealed that were plain, 3 data keys wrapped anew" in run("keys", "rotate", "--yes").stdout
    monkeypatch.setenv("COPYDESK_ENCRYPTION_KEYS", new.get_secret_value())
    assert payloads() == ("ok", "0 are plain, 0 under an old key, 3 sealed under the first")
    assert EMAIL in run("events", 1, "--body", "--unmask", "--reason", "a test").stdout
