"""Every error Copydesk raises on purpose.

CopydeskError
├── ConfigurationError        settings or handlers are wrong: no start, all mistakes in one message
├── StoreError
│   ├── StoreUnusable         this database must not be used (newer schema, foreign file, affected library): no start
│   │   └── LogBehind         its audit log lacks what was published, or tells another story: no start
│   └── StoreUnavailable      it cannot be written just now (full, gone): 503, the sender comes again
│       └── StoreLocked       another process is writing: a matter of milliseconds
├── RequestRefused            an inbound request that is not authentic or not well framed (its HTTP status inside)
├── AccessRefused             a request of the API that may not have what it asks for (its HTTP status inside)
├── BodyUnreadable            an authentic body that is not strict JSON or not the document we know: quarantine
├── TokenRefused              a token of the API cannot be made so
├── NoteRefused               a signed note, or a key for one
│   ├── NoteMalformed         it is not one
│   └── NoteUnverified        no known key signed it, or a signature is wrong
├── Stopped                   told to stop in the middle of work that goes on another time
├── NotFound                  a command asked for something that is not kept
├── NotErased                 what was to be erased is held, or work on it is under way
├── FileUnusable              a file that a command was to write or read (a backup, an export) is not what it must be
├── BadFilter                 a question to the record has a word, a value or a cursor that is wrong
├── NotOffered                a call asked Commerce Layer for what the resource does not have: nothing was sent
├── NotRecorded               it was done outside, and the audit trail could not be told: not to be repeated
├── EvidenceUnreadable        what was to be verified (a bundle, a note, a proof) cannot be read as that
└── OutsideError              an outside system (Commerce Layer, Slack)
    ├── Refused               it said no: final, a person must look
    │   └── CredentialsRefused  our credentials, whatever was asked: everything waits for new ones
    └── Unavailable           unreachable, throttled, broken: again later
        └── OutcomeUnknown    the request may have taken effect: read before anything is repeated

`Refused` against `Unavailable` is the one split that decides every retry.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus


class CopydeskError(Exception):
    """The root: anything Copydesk raises on purpose."""


class ConfigurationError(CopydeskError):
    """Settings or handlers are wrong.

    Attributes:
        mistakes: one sentence each, naming the setting and how to mend it.
    """

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(mistakes))


class StoreError(CopydeskError):
    """The database cannot do what was asked."""


class StoreUnusable(StoreError):
    """This database, or this database library, must not be used; the message says how to mend it."""


class LogBehind(StoreUnusable):
    """The audit log lacks what was published of it, as after a restored backup, or tells another story."""


class StoreUnavailable(StoreError):
    """The database cannot be written just now; nothing of the transaction was acknowledged."""


class StoreLocked(StoreUnavailable):
    """Another process holds the write lock of the file."""


class RequestRefused(CopydeskError):
    """An inbound webhook request is refused before anything of it is kept.

    Attributes:
        status: the HTTP status to answer (400, 401, 404, 405, 413 or 503).
        reason: a short constant word for logs and counters, never shown to the sender.
    """

    def __init__(self, status: int, reason: str) -> None:
        self.status = status
        self.reason = reason
        super().__init__(reason)


class AccessRefused(CopydeskError):
    """A request of the API is not let in, or may not have what it asks for.

    Attributes:
        status: the HTTP status to answer: 400, 401, 403, 429 or 503.
        title: what is wrong, a constant for each status.
        detail: how to do better; it repeats nothing of the request.
        retry_after: seconds to wait at least, None where waiting would not help.
    """

    def __init__(self, status: int, title: str, detail: str, retry_after: int | None = None) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.retry_after = retry_after
        super().__init__(f"{title}: {detail}")

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the answer must have.

        A 401 names the scheme (https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1).
        """
        challenge = {"WWW-Authenticate": "Bearer"} if self.status == HTTPStatus.UNAUTHORIZED else {}
        return challenge if self.retry_after is None else challenge | {"Retry-After": str(self.retry_after)}


class BodyUnreadable(CopydeskError):
    """An authentic body that cannot become an event; the message says why."""


class TokenRefused(CopydeskError):
    """A token of the API cannot be made as it is wanted; the message says why."""


class NoteRefused(CopydeskError):
    """A signed note, or a key for one, is not to be relied on; the message says why."""


class NoteMalformed(NoteRefused):
    """It is no signed note, no head or no key."""


class NoteUnverified(NoteRefused):
    """No known key signed it, or a signature that says to be of a known key is not."""


class Stopped(CopydeskError):
    """Told to stop in the middle of work that goes on another time."""


class NotFound(CopydeskError):
    """A command asked for something that is not kept."""


class NotErased(CopydeskError):
    """What was to be erased is held, or work on it is under way; the message says which."""


class FileUnusable(CopydeskError):
    """A backup or an export cannot be written there, or what was read is not what it should be; nothing was changed."""


class BadFilter(CopydeskError):
    """A question to the record that cannot be answered as it was asked.

    Attributes:
        parameter: the word that is wrong, such as `since` or `sort`.
        message: what is wrong with it, in one sentence.
        allowed: what could stand there, where that can be listed.
    """

    def __init__(self, parameter: str, message: str, allowed: Sequence[str] = ()) -> None:
        self.parameter = parameter
        self.message = message
        self.allowed = tuple(allowed)
        super().__init__(f"{parameter}: {message}" + (f"; one of {', '.join(self.allowed)}" if self.allowed else ""))


class TooManyRows(CopydeskError):
    """A question that no index answers, of more rows than can be looked at one by one.

    Attributes:
        left: how many the rest of the question leaves, at least.
        most: how many there may be.
        names: what nothing answers quickly.
    """

    def __init__(self, left: int, most: int, names: Sequence[str]) -> None:
        self.left, self.most, self.names = left, most, tuple(names)
        super().__init__(f"{', '.join(self.names)}: {left:,} rows are left, and there may be {most:,}")


class NotOffered(CopydeskError):
    """A call asked for what the resource does not offer; nothing was sent, and the message names what is offered."""


class NotRecorded(CopydeskError):
    """Something was done outside, or may have been, and the database could not take down how it ended."""


class EvidenceUnreadable(CopydeskError):
    """What was to be verified cannot be read as what it should be; that says nothing of its truth."""


class OutsideError(CopydeskError):
    """An outside system did not do what was asked.

    Attributes:
        status: the HTTP status it answered, None where it did not answer.
        code: its own error code (such as VALIDATION_ERROR), None where it gave none.
        request_id: its x-request-id, for their support, None where it gave none.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.request_id = request_id
        super().__init__(message)


class Refused(OutsideError):
    """The other side said no: repeating the request would not help."""


class CredentialsRefused(Refused):
    """Our own credentials are not accepted: whatever is asked has to wait until a person has mended them."""


class Unavailable(OutsideError):
    """Unreachable, throttled or broken: worth another try.

    Attributes:
        retry_after: seconds to wait at least, None where the other side did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(message, status=status, code=code, request_id=request_id)


class OutcomeUnknown(Unavailable):
    """The request was sent and no answer came: it may have taken effect."""
