"""A database that is behind what was published of its log: it is noticed, and goes on in another epoch only."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import structlog
from pydantic import SecretStr
from structlog.testing import capture_logs

from service.audit import epochs, published, standing
from service.audit.keeper import Keeper
from service.audit.published import append
from service.audit.sequencer import sequence
from service.errors import ConfigurationError, LogBehind, StoreLocked
from service.merkle.notes import Head, Signer, sign
from service.settings import Settings
from service.store import Store, log, open_store
from service.store.schema import audit_entries
from service.store.texts import forget_text
from tests.audit.book import KEY, LAST, NAME, NEXT, NOW, check, current, keys, places, unplaced, write
from tests.audit.record import verified
from tests.rows import allow_deletion, rows


def settings(elsewhere: Path | None, *keys: Signer) -> Settings:
    """The settings of a worker."""
    secrets = tuple(SecretStr(key.secret) for key in keys or (KEY,))
    return Settings(audit_key=secrets, checkpoints_file=str(elsewhere or ""))


def publish_head(store: Store, elsewhere: Path, number: int) -> log.Log:
    """Write, sequence, and put the head into the file."""
    write(store, number)
    sequence(store, KEY, NOW)
    found = current(store)
    assert found.head is not None
    append(elsewhere, found.head)
    return found


def head(origin: str, size: int, root: bytes = b"\x07" * 32, signer: Signer = KEY) -> str:
    """A signed head of any log."""
    return sign(Head(origin, size, root).text, [signer])


def test_a_log_that_has_what_was_published_goes_on(store: Store, elsewhere: Path) -> None:
    """At the size of the newest head, and past it."""
    publish_head(store, elsewhere, 3)
    Keeper(settings(elsewhere), store)
    publish_head(store, elsewhere, 4)
    write(store, 5)
    sequence(store, KEY, NOW)
    Keeper(settings(elsewhere), store)
    found = standing.look(settings(elsewhere), store)
    assert (found.name, found.epoch, found.trouble) == (NAME, 1, None)


@pytest.mark.parametrize(
    ("note", "trouble"),
    [
        (head(NAME, 9), f"{NAME} has 4 entries, and 9 were published"),
        (head(NAME, 4), "others than the 4"),
        (head(NAME, 3), "others than the 3"),
        (head(NAME, 9, signer=LAST), "has 4 entries, and 9"),
        (head(f"{NAME}/2", 1), f"in epoch 1 with 4 entries, and {NAME}/2 with 1"),
        (head(NAME, 9).replace("\n9\n", "\n8\n"), "has a wrong signature"),
        (head("example.com/other", 9), None),
        (head(f"{NAME}/x", 9), None),
        (head(f"{NAME}/02", 9), None),
    ],
)
def test_what_was_published_is_compared(store: Store, elsewhere: Path, note: str, trouble: str | None) -> None:
    """Other logs in the same file are passed over, and so is whose signature nobody can judge."""
    publish_head(store, elsewhere, 3)
    elsewhere.write_text(note)
    if trouble is None:
        Keeper(settings(elsewhere), store)
        return
    with pytest.raises(LogBehind) as caught:
        Keeper(settings(elsewhere), store)
    assert trouble in str(caught.value)
    assert "\n" not in str(caught.value)
    if "signature" not in trouble:
        assert "copydesk audit new-epoch --reason TEXT" in str(caught.value)


def test_two_published_heads_of_one_size_and_different_roots_are_a_fork(store: Store, elsewhere: Path) -> None:
    """Though the newest head is ours: two databases went on under one name, until one says openly that it does not."""
    publish_head(store, elsewhere, 3)
    publish_head(store, elsewhere, 4)
    ours = published.read(elsewhere)[0].head
    elsewhere.write_text(f"{head(NAME, ours.size)}\n{elsewhere.read_text()}")
    with pytest.raises(LogBehind) as caught:
        Keeper(settings(elsewhere), store)
    assert f"two heads of {NAME} with {ours.size} entries and different roots were published in" in str(caught.value)
    assert "copydesk audit new-epoch --reason TEXT" in str(caught.value)
    heads = published.read(elsewhere)
    assert f"V5: the heads from outside of {NAME} at size {ours.size}: two of them have different roots" in str(
        [str(one) for one in verified(store, published=elsewhere).violations]
    )
    epochs.open_next(store, heads, KEY.verifier, NOW, "operator somebody", "two databases")
    Keeper(settings(elsewhere), store)


def test_an_empty_database_in_place_of_the_old_one_is_behind(store: Store, elsewhere: Path) -> None:
    append(elsewhere, head(NAME, 9))
    with pytest.raises(LogBehind, match="the audit log is empty, and"):
        Keeper(settings(elsewhere), store)
    opened = epochs.open_next(store, published.read(elsewhere), KEY.verifier, NOW, "operator somebody", "disk lost")
    assert (opened.epoch, opened.origin) == (2, f"{NAME}/2")
    Keeper(settings(elsewhere), store)


def test_a_restored_older_copy_refuses_and_goes_on_in_another_epoch(
    sqlite_url: str, elsewhere: Path, tmp_path: Path
) -> None:
    """Restored twice, it gets two epochs: no name is used again. What had no place goes into the new epoch."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    store = open_store(sqlite_url)
    write(store, 5)
    sequence(store, KEY, NOW)
    then = current(store)
    write(store, 2)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.connection.driver_connection.execute(f"VACUUM INTO '{tmp_path}/backup.db'")
    newest = publish_head(store, elsewhere, 20)
    store.close()
    for epoch in (2, 3):
        for beside in file.parent.glob("copydesk.db*"):
            beside.unlink()
        file.write_bytes((tmp_path / "backup.db").read_bytes())
        store = open_store(sqlite_url)
        with pytest.raises(LogBehind):
            Keeper(settings(elsewhere), store)
        heads = published.read(elsewhere)
        epochs.open_next(store, heads, KEY.verifier, NOW, "operator somebody", "restored a backup")
        Keeper(settings(elsewhere), store).sequence()
        found = check(store, KEY)
        assert (found.epoch, found.origin, found.size) == (epoch, f"{NAME}/{epoch}", 3)
        assert [action for _, action, _ in places(store, epoch)] == ["epoch.opened", "note", "note"]
        assert unplaced(store) == 0
        told = json.loads(next(row["detail"] for row in rows(store, audit_entries) if row["action"] == "epoch.opened"))
        assert told == {
            "origin": f"{NAME}/{epoch}",
            "reason": "restored a backup",
            "previous_origin": NAME,
            "local_size": then.size,
            "local_root": then.frontier.root.hex(),
            "published_origin": newest.origin,
            "published_size": newest.size,
            "published_root": newest.frontier.root.hex(),
        }
        newest = publish_head(store, elsewhere, 1)
        store.close()


def test_an_epoch_is_opened_with_everything_before_it_as_it_was(store: Store, elsewhere: Path) -> None:
    """Also by hand, where nothing is behind; a key stays the same key, and its range goes over both."""
    publish_head(store, elsewhere, 3)
    before = current(store)
    write(store, 2)
    epochs.open_next(store, published.read(elsewhere), None, NOW, "operator somebody", "moved")
    with store.read() as connection:
        old, new = log.epochs(connection)
    assert (old.size, old.head, old.closed_at) == (before.size, before.head, NOW)
    assert (new.size, new.head, new.closed_at) == (1, None, None)
    sequence(store, KEY, NOW)
    assert check(store, KEY).size == 3
    sequence(store, NEXT, NOW)
    assert keys(store) == [(KEY.verifier.text, 1, 4, 2, 3), (NEXT.verifier.text, 2, 4, None, None)]


@pytest.mark.parametrize("later", [0, 20])
def test_a_database_that_is_put_back_while_a_worker_runs_is_noticed(store: Store, later: int) -> None:
    """Such as by a failover to a standby that had less, also where another worker has sequenced more since."""
    write(store, 5)
    keeper, other = (Keeper(settings(None), store) for _ in range(2))
    assert keeper.sequence() == 6
    write(store, 3)
    assert keeper.sequence() == 3
    assert keeper.sequence() == 0
    lose_leaves(store, 6)
    if later:
        write(store, later)
        assert other.sequence() == later
    write(store, 1)
    assert keeper.sequence() == 0
    assert unplaced(store) == 1
    epochs.open_next(store, [], None, NOW, "operator somebody", "failover")
    assert keeper.sequence() == 1


def lose_leaves(store: Store, size: int) -> None:
    """Put the log back to a smaller size, as a standby that had less would show it."""
    with store.write() as connection:
        allow_deletion(connection)
        gone = (
            connection.execute(sa.select(audit_entries.c.id).where(audit_entries.c.leaf_index >= size)).scalars().all()
        )
        forget_text(connection, gone)
        connection.execute(sa.delete(audit_entries).where(audit_entries.c.id.in_(gone)))
        current_ = log.newest(connection)
        assert current_ is not None
        log.advance(connection, current_, log.frontier_at(connection, 1, size), None, NOW)


def test_two_workers_see_one_log_go_on(store: Store) -> None:
    """In turns, past many leaves, and into another epoch."""
    keepers = [Keeper(settings(None), store) for _ in range(2)]
    for number in range(6):
        write(store, number * 7 + 1)
        assert keepers[number % 2].sequence() == number * 7 + (2 if number == 0 else 1)
    epochs.open_next(store, [], None, NOW, "operator somebody", "moved")
    write(store, 1)
    assert [keeper.sequence() for keeper in keepers] == [1, 0]
    check(store, KEY)


def test_a_keeper_publishes_when_it_is_time_and_not_behind(store: Store, elsewhere: Path) -> None:
    write(store, 5)
    keeper = Keeper(settings(elsewhere), store, timedelta(hours=1))
    keeper.sequence()
    made = keeper.publish()
    assert made is not None
    assert made.size == 6
    assert keeper.publish() is None
    append(elsewhere, head(NAME, 900))
    write(store, 1)
    keeper.sequence()
    assert keeper.publish(timedelta(0)) is None
    write(store, 1)
    assert keeper.sequence() == 0
    elsewhere.write_text("")
    assert keeper.sequence() > 0


def test_a_keeper_with_a_retired_key_is_not_made(store: Store) -> None:
    write(store, 1)
    sequence(store, KEY, NOW)
    Keeper(settings(None, NEXT, KEY), store).sequence()
    check(store, KEY, NEXT)
    with pytest.raises(ConfigurationError, match=r"COPYDESK_AUDIT_KEY: .* was retired"):
        Keeper(settings(None, KEY), store)


@pytest.mark.parametrize(
    ("given", "beginning"),
    [
        ({"audit_key": "PRIVATE+KEY+nonsense"}, "key 1 is not one"),
        ({"audit_key": f"{KEY.secret},{KEY.secret}"}, "has a key twice"),
        ({"audit_key": f"{KEY.secret},{KEY.secret[:-4]}AAAA"}, "key 2 is not one"),
    ],
)
def test_keys_that_are_none_stop_the_start_and_are_not_repeated(given: dict[str, Any], beginning: str) -> None:
    with pytest.raises(ValueError, match=beginning) as caught:
        Settings(**given)
    assert KEY.secret[-20:] not in str(caught.value.errors()[0]["msg"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("database", "file", "is_fine"),
    [
        ("sqlite:///{0}/data/copydesk.db", "{0}/data/heads", False),
        ("sqlite:///{0}/data/copydesk.db", "{0}/data/more/heads", False),
        ("sqlite:///{0}/data/copydesk.db", "{0}/elsewhere/../data/heads", False),
        ("sqlite:///{0}/data/copydesk.db", "{0}/link/heads", False),
        ("sqlite:///{0}/link/copydesk.db", "{0}/data/heads", False),
        ("sqlite:///{0}/data/copydesk.db", "{0}/data", False),
        ("sqlite:///{0}/data/copydesk.db", "{0}/elsewhere/heads", True),
        ("sqlite:///{0}/data/copydesk.db", "{0}/database/heads", True),
        ("postgresql://somebody@localhost/copydesk", "{0}/data/heads", True),
    ],
)
def test_the_file_is_not_where_the_database_is(tmp_path: Path, database: str, file: str, is_fine: bool) -> None:
    """A restored copy of the database's directory would take it back too; also through links."""
    (tmp_path / "data" / "more").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    given = {"database_url": database.format(tmp_path), "checkpoints_file": file.format(tmp_path)}
    if is_fine:
        assert Settings(**given).checkpoints_file == given["checkpoints_file"]
    else:
        with pytest.raises(ValueError, match="COPYDESK_CHECKPOINTS_FILE"):
            Settings(**given)


@pytest.fixture
def said() -> Iterator[list[Any]]:
    """What is logged; afterwards commands log again where they always do."""
    with capture_logs() as found:
        yield found
    structlog.reset_defaults()


def test_a_worker_without_a_key_leaves_a_signed_log_to_those_who_have_it(store: Store, said: list[Any]) -> None:
    """Whichever comes first: no head loses its signature, and it says once why it does nothing."""
    with_key = Keeper(settings(None), store)
    without = Keeper(Settings(audit_key=()), store)
    write(store, 3)
    assert without.sequence() == 3
    assert check(store).origin == "unsigned"
    assert with_key.sequence() == 1
    for number in range(1, 5):
        write(store, number)
        before = current(store)
        assert [without.sequence() for _ in range(2)] == [0, 0]
        assert current(store) == before
        assert with_key.sequence() == number
        check(store, KEY)
        assert without.sequence() == 0
    Keeper(Settings(audit_key=()), store).sequence()
    told = [one["error"] for one in said if one["event"] == "the audit log does not go on"]
    assert ["COPYDESK_AUDIT_KEY is not set, and the log is signed" in one for one in told] == [True, True]


def test_two_workers_one_of_them_without_a_key_at_one_time(database_url: str) -> None:
    """While entries are written: all get their place, and every head that anybody sees is signed."""
    store = open_store(database_url)
    write(store, 1)
    keepers = [Keeper(settings(None), store)]
    keepers[0].sequence()
    own = open_store(database_url)
    keepers.append(Keeper(Settings(audit_key=()), own))
    stop, heads = threading.Event(), set()

    def keep(keeper: Keeper) -> int:
        done = 0
        while not stop.is_set():
            with suppress(StoreLocked):
                done += keeper.sequence()
            heads.add(current(store).head is None)
        return done

    with ThreadPoolExecutor(2) as threads:
        running = [threads.submit(keep, keeper) for keeper in keepers]
        for number in range(40):
            write(store, number % 7)
        stop.set()
        placed = [one.result() for one in running]
    keepers[0].sequence()
    assert (placed[1], heads, unplaced(store)) == (0, {False}, 0)
    check(store, KEY)
    own.close()
    store.close()
