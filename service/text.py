"""Text that came from outside, made harmless to keep and to show. Pure."""

from __future__ import annotations

import re

# C0 and C1 controls move cursors, end lines and end PostgreSQL's strings; bidi, zero-width and tag characters make a
# line read as another one; a lone surrogate cannot be encoded.
UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff"
    r"\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def line(text: str, limit: int = 500) -> str:
    """Make one printable line of at most `limit` characters."""
    # Most text is plain ASCII, which two looks tell; the search is cheaper than a substitution that finds nothing.
    if not (text.isascii() and text.isprintable()) and UNSAFE.search(text):
        text = UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
