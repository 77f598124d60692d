"""Signed notes with Ed25519, and the heads of a log as such notes. Pure.

https://c2sp.org/signed-note and https://c2sp.org/tlog-checkpoint; the spelling of keys is that of Go's
https://pkg.go.dev/golang.org/x/mod/sumdb/note, so that other programs for such logs take them.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from service.errors import NoteMalformed, NoteUnverified
from service.merkle.tree import HASH_BYTES

_ED25519 = b"\x01"
_KEY_BYTES, _ID_BYTES, _SIGNATURE_BYTES = 32, 4, 64
_DASH = "\N{EM DASH}"
_PRIVATE = "PRIVATE+KEY+"
# Enough for the keys of a rotation and for witnesses; a note with more is nothing of ours.
_MOST_SIGNATURES = 100
_LONGEST_NAME = 200
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]+")
_VERIFIER = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_SIGNATURE = re.compile(rf"{_DASH} ([^\s+]+) ([A-Za-z0-9+/=]+)")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name, for checking signatures.

    Attributes:
        name: without blanks and plus signs; best a host and a path, such as `example.com/copydesk`.
        public: the key, 32 bytes.
    """

    name: str
    public: bytes

    @property
    def key_id(self) -> bytes:
        """Four bytes that name it together with its name; no proof of anything."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_ID_BYTES]

    @property
    def text(self) -> str:
        """How it is handed to others: `name+id+base64`."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(_ED25519 + self.public).decode()}"

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Tell whether this key made a signature, 64 bytes, over a text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True

    @classmethod
    def from_text(cls, text: str) -> Verifier:
        """Read what `text` gives.

        Raises:
            NoteMalformed: it is no Ed25519 key, or its id is not its own.
        """
        found = _VERIFIER.fullmatch(text)
        if found is None or not found[3].isascii():
            raise NoteMalformed("a public key of a log looks like NAME+0123abcd+BASE64")
        verifier = cls(_checked_name(found[1]), _key_of(found[3], "public"))
        if verifier.key_id.hex() != found[2]:
            raise NoteMalformed(f"the public key of {verifier.name} does not have the id {found[2]}")
        return verifier


class Signer:
    """A private key with its name; its repr shows nothing of it."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Take a name and 32 secret bytes.

        Raises:
            NoteMalformed: the name has blanks or plus signs.
        """
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(_checked_name(name), self._key.public_key().public_bytes_raw())

    @property
    def secret(self) -> str:
        """How it is kept: `PRIVATE+KEY+name+id+base64`."""
        v = self.verifier
        return f"{_PRIVATE}{v.name}+{v.key_id.hex()}+{b64encode(_ED25519 + self._seed).decode()}"

    def line(self, text: str) -> str:
        """The line that signs a text."""
        v = self.verifier
        return f"{_DASH} {v.name} {b64encode(v.key_id + self._key.sign(text.encode())).decode()}\n"

    @classmethod
    def from_secret(cls, secret: str) -> Signer:
        """Read what `secret` gives; no message repeats any of it.

        Raises:
            NoteMalformed: it is no Ed25519 key, or its id is not its own.
        """
        found = _VERIFIER.fullmatch(secret.removeprefix(_PRIVATE))
        if found is None or not secret.startswith(_PRIVATE):
            raise NoteMalformed("is not a private key of a log, which begins with PRIVATE+KEY+")
        signer = cls(found[1], _key_of(found[3], "private"))
        if signer.verifier.key_id.hex() != found[2]:
            raise NoteMalformed("is a private key of a log that was changed: its id is not its own")
        return signer


@dataclass(frozen=True, slots=True)
class Head:
    """How a log stands: the text that is signed.

    Attributes:
        origin: the log's name.
        size: how many leaves it has.
        root: the root of the tree over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Three lines; more would be signed by nobody who checks the log."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def from_text(cls, text: str) -> Head:
        """Read what `text` gives.

        Raises:
            NoteMalformed: it is not exactly that.
        """
        lines = text.split("\n")
        if len(lines) != len(("origin", "size", "root", "")) or lines[3] or not lines[0]:
            raise NoteMalformed("a head is three lines: origin, size, root")
        origin, size, root = lines[:3]
        if not _SIZE.fullmatch(size):
            raise NoteMalformed("the size of a head is a number without a sign or leading zeros")
        decoded = _decoded(root)
        if decoded is None or len(decoded) != HASH_BYTES:
            raise NoteMalformed("the root of a head is 32 bytes in base64")
        return cls(origin, int(size), decoded)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and who says to have signed it; nothing of that is checked yet.

    Attributes:
        text: with its last newline.
        signatures: of each the name, the key's id and the signature.
    """

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def from_text(cls, note: str) -> Note:
        """Take a note apart.

        Raises:
            NoteMalformed: it is no signed note.
        """
        if any((ord(c) < ord(" ") and c != "\n") or "\ud800" <= c <= "\udfff" for c in note):
            raise NoteMalformed("a signed note has no control characters but new lines")
        text, gap, below = note.rpartition("\n\n")
        lines = below.split("\n")
        if not gap or lines.pop() or not lines:
            raise NoteMalformed("a signed note is a text, an empty line and signatures, each line with its end")
        if len(lines) > _MOST_SIGNATURES:
            raise NoteMalformed(f"a signed note with more than {_MOST_SIGNATURES} signatures")
        return cls(f"{text}\n", tuple(map(_signature, lines)))

    def signed_by(self, known: Iterable[Verifier]) -> list[Verifier]:
        """Which of these keys signed it? Signatures of others are passed over.

        Raises:
            NoteUnverified: none of them did, or a signature that says to be of one of them is not.
        """
        by_name = {(verifier.name, verifier.key_id): verifier for verifier in known}
        found = []
        for name, key_id, signature in self.signatures:
            if (verifier := by_name.get((name, key_id))) is None:
                continue
            if not verifier.has_signed(self.text, signature):
                raise NoteUnverified(f"the signature of {name}+{key_id.hex()} is wrong")
            found.append(verifier)
        if not found:
            names = ", ".join(f"{name}+{key_id.hex()}" for name, key_id, _ in self.signatures)
            raise NoteUnverified(f"no known key signed it, but {names}")
        return found


def sign(text: str, signers: Sequence[Signer]) -> str:
    """The note of a text, which ends with a newline, and the signatures of all these keys."""
    if not text.endswith("\n") or not signers:
        raise ValueError("a signed note is a text that ends with a newline, and at least one signature")
    return f"{text}\n{''.join(signer.line(text) for signer in signers)}"


def open_head(note: str, known: Iterable[Verifier]) -> Head:
    """The head that a note tells, where one of these keys signed it.

    Raises:
        NoteMalformed: it is no signed note, or not of a head.
        NoteUnverified: as `Note.signed_by`.
    """
    read = Note.from_text(note)
    read.signed_by(known)
    return Head.from_text(read.text)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    found = _SIGNATURE.fullmatch(line)
    decoded = _decoded(found[2]) if found else None
    if found is None or decoded is None or len(decoded) <= _ID_BYTES:
        raise NoteMalformed("a line of a signature is an em dash, a name and base64")
    return found[1], decoded[:_ID_BYTES], decoded[_ID_BYTES:]


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise NoteMalformed("the name of a key has no blanks and no plus sign; best is a host and a path")
    return name


def _key_of(text: str, what: str) -> bytes:
    decoded = _decoded(text)
    if decoded is None or decoded[:1] != _ED25519 or len(decoded) != 1 + _KEY_BYTES:
        raise NoteMalformed(f"the {what} key of a log is an Ed25519 key in base64")
    return decoded[1:]


def _decoded(text: str) -> bytes | None:
    """Base64 in its only canonical spelling: each note has one text."""
    try:
        decoded = b64decode(text, validate=True)
    except ValueError:
        return None
    return decoded if b64encode(decoded).decode() == text else None
