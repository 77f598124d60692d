"""Whether the audit trail of a backup holds: the one place that asks the verification."""

from __future__ import annotations

from pathlib import Path

from service.audit.verification import verifying
from service.audit.verification.places import Place
from service.audit.verification.verifying import Wish
from service.backup.snapshots import Told
from service.errors import EvidenceUnreadable, FileUnusable

_NAMED_FAULTS = 3


def check_trail(file: Path, told: Told) -> None:
    """Verify a file of this version's schema against its own log, without any key or secret.

    That no head was signed, or that some entries wait for their place, is no fault of a backup.

    Raises:
        FileUnusable: something was changed behind the log; the first of it is named.
    """
    wish = Wish(Place(file, immutable=True), limit=_NAMED_FAULTS)

    def progress(done: int, total: int) -> None:
        told("audit entries verified", done, total)

    try:
        report = verifying.verify(wish, progress)
    except EvidenceUnreadable as error:
        raise FileUnusable(f"the audit trail of {file} cannot be verified: {error}") from error
    if report.violation_count:
        named = "; ".join(map(str, report.violations))
        raise FileUnusable(f"the audit trail of {file} does not hold ({report.violation_count} faults): {named}")
