"""Whether the audit trail of a backup holds: the one place that asks the verification."""

from __future__ import annotations

from pathlib import Path

from service.audit.verification import verifying
from service.audit.verification.places import Place
from service.audit.verification.verifying import Wish
from service.backup.manifest import NAMED, Violations
from service.backup.snapshots import Told
from service.errors import EvidenceUnreadable, FileUnusable


def violations_of(file: Path, told: Told) -> Violations:
    """Verify a file of this version's schema against its own log, without any key or secret.

    That no head was signed, or that some entries wait for their place, is no fault of a backup.
    """
    wish = Wish(Place(file, immutable=True), limit=NAMED)

    def progress(done: int, total: int) -> None:
        told("audit entries verified", done, total)

    try:
        report = verifying.verify(wish, progress)
    except EvidenceUnreadable as error:
        return Violations(1, (f"it cannot be verified: {error}",))
    return Violations(report.violation_count, tuple(map(str, report.violations)))


def refuse(file: Path, found: Violations, *, despite: bool) -> None:
    """Refuse a file that does not verify, unless somebody answers for taking it all the same.

    Raises:
        FileUnusable: something was changed behind the log; the first of it is named.
    """
    if found.count and not despite:
        raise FileUnusable(
            f"{file} is not what its audit trail tells ({found.count} violations): {'; '.join(found.first)}. "
            "Have it all the same with --despite-violations and a --reason"
        )
