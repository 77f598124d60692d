"""Signed notes: the published examples byte for byte, and everything that is almost one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import NoteMalformed, NoteRefused, NoteUnverified
from service.merkle.notes import Head, Note, Signer, Verifier, open_head, sign
from service.merkle.tree import EMPTY_ROOT

# https://pkg.go.dev/golang.org/x/mod/sumdb/note
GO_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_OTHER = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
GO_OTHER_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
# https://c2sp.org/signed-note
C2SP_VERIFIER = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
C2SP_NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# https://c2sp.org/tlog-checkpoint
C2SP_HEAD = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"

ONE, TWO = Signer("example.com/copydesk", b"\x01" * 32), Signer("example.com/copydesk", b"\x02" * 32)
HEAD = Head("example.com/copydesk", 7, b"\x07" * 32)


def test_the_published_key_signs_the_published_note() -> None:
    signer = Signer.from_secret(GO_SECRET)
    assert signer.secret == GO_SECRET
    assert signer.verifier.text == GO_VERIFIER
    assert sign(GO_TEXT, [signer]) == f"{GO_TEXT}\n{GO_LINE}"
    assert "AYEK" not in repr(signer) + str(vars(signer).get("name"))


@pytest.mark.parametrize(
    ("note", "verifiers", "names"),
    [
        (f"{GO_TEXT}\n{GO_LINE}", [GO_VERIFIER], ["PeterNeumann"]),
        (f"{GO_TEXT}\n{GO_LINE}{GO_OTHER_LINE}", [GO_VERIFIER, GO_OTHER], ["PeterNeumann", "EnochRoot"]),
        (f"{GO_TEXT}\n{GO_LINE}{GO_OTHER_LINE}", [GO_OTHER], ["EnochRoot"]),
        (C2SP_NOTE, [C2SP_VERIFIER], ["example.com/foo"]),
    ],
)
def test_published_notes_verify_under_their_keys(note: str, verifiers: list[str], names: list[str]) -> None:
    """Signatures of keys that nobody knows are passed over."""
    known = [Verifier.from_text(text) for text in verifiers]
    assert [verifier.text for verifier in known] == verifiers
    assert [verifier.name for verifier in Note.from_text(note).signed_by(known)] == names


def test_the_published_head_is_read_and_written_alike() -> None:
    head = Head.from_text(C2SP_HEAD)
    assert (head.origin, head.size, head.root.hex()[:8]) == ("example.com/behind-the-sofa", 20852163, "0ac5186a")
    assert head.text == C2SP_HEAD
    assert Head.from_text(Head("a", 0, EMPTY_ROOT).text).size == 0


def test_a_head_opens_under_any_of_its_keys() -> None:
    note = sign(HEAD.text, [ONE, TWO])
    assert open_head(note, [ONE.verifier]) == open_head(note, [TWO.verifier]) == HEAD


@pytest.mark.parametrize(
    "verifier",
    [
        "",
        "PeterNeumann",
        GO_VERIFIER.replace("c74f20a3", "c74f20a4"),
        GO_VERIFIER.replace("c74f20a3", "C74F20A3"),
        GO_VERIFIER.replace("Peter", "Pieter"),
        GO_VERIFIER[:-1],
        GO_VERIFIER + "=",
        " " + GO_VERIFIER,
        GO_VERIFIER + "\n",
        GO_SECRET,
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_what_is_almost_a_public_key_is_none(verifier: str) -> None:
    with pytest.raises(NoteMalformed):
        Verifier.from_text(verifier)


@pytest.mark.parametrize(
    "secret",
    ["", GO_VERIFIER, GO_SECRET[:-1], GO_SECRET + "A", GO_SECRET.replace("c74f20a3", "00000000"), GO_SECRET.lower()],
)
def test_what_is_almost_a_private_key_is_none_and_is_not_repeated(secret: str) -> None:
    with pytest.raises(NoteMalformed) as caught:
        Signer.from_secret(secret)
    assert "AYEK" not in str(caught.value).upper()


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\N{NO-BREAK SPACE}b", "x" * 201])
def test_a_name_without_blanks_and_plus_signs(name: str) -> None:
    with pytest.raises(NoteMalformed, match="name of a key"):
        Signer(name, b"\x01" * 32)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n\n",
        GO_TEXT,
        f"{GO_TEXT}\n",
        f"{GO_TEXT}{GO_LINE}",
        f"{GO_TEXT}\n{GO_LINE[:-1]}",
        f"{GO_TEXT}\n{GO_LINE}\n",
        f"{GO_TEXT}\n{GO_LINE.replace('—', '-')}",
        f"{GO_TEXT}\n{GO_LINE.replace(' x08', '  x08')}",
        f"{GO_TEXT}\n{GO_LINE.replace('x08go', 'x08g')}",
        f"{GO_TEXT}\n— PeterNeumann x08g\n",
        f"{GO_TEXT}\n{GO_LINE * 101}",
        f"{GO_TEXT}\x07\n\n{GO_LINE}",
        f"{GO_TEXT}\r\n\n{GO_LINE}",
        f"\ud800{GO_TEXT}\n{GO_LINE}",
    ],
    ids=range(15),
)
def test_what_is_almost_a_note_is_none(note: str) -> None:
    with pytest.raises(NoteMalformed):
        Note.from_text(note)


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
        C2SP_HEAD.replace("20852163", "020852163"),
        C2SP_HEAD.replace("20852163", "+20852163"),
        C2SP_HEAD.replace("20852163", "٣"),
        C2SP_HEAD.replace("20852163", "1" * 20),
        C2SP_HEAD.replace("xq2I=", "xq2J="),
        C2SP_HEAD.replace("CsUY", ""),
        C2SP_HEAD + "an extension\n",
        C2SP_HEAD[:-1],
    ],
)
def test_what_is_almost_a_head_is_none(text: str) -> None:
    with pytest.raises(NoteMalformed):
        Head.from_text(text)


def test_a_wrong_signature_of_a_known_key_is_worse_than_none() -> None:
    """Beside a right one of another key, too."""
    wrong = f"{HEAD.text}\n{ONE.line('another text')}{TWO.line(HEAD.text)}"
    with pytest.raises(NoteUnverified, match="is wrong"):
        open_head(wrong, [ONE.verifier, TWO.verifier])
    assert open_head(wrong, [TWO.verifier]) == HEAD
    with pytest.raises(NoteUnverified, match="no known key"):
        open_head(wrong, [Verifier.from_text(GO_VERIFIER)])


@given(st.data())
def test_a_note_with_one_character_changed_does_not_open(data: st.DataObject) -> None:
    note = sign(HEAD.text, [ONE])
    place = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != note[place]))
    with pytest.raises(NoteRefused):
        open_head(note[:place] + other + note[place + 1 :], [ONE.verifier])
