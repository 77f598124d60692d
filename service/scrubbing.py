"""What looks like somebody's in free text: e-mail addresses, telephone and card numbers, tokens. Pure.

Each pattern reads a text once, however hostile it is: a run of characters is entered at its beginning only.
"""

from __future__ import annotations

import re

MASK = "masked"
MASKED_EMAIL = "masked@example.com"
# What can neither stand in an address nor be part of one.
_RUN = re.compile(r"[^\s<>\"',;()\[\]{}|]+")
_AT = re.compile(r"@|\N{FULLWIDTH COMMERCIAL AT}|%40")
_TOKEN = re.compile(
    r"(?i)(?<![\w-])eyJ[\w-]+\.[\w.-]+"  # JSON Web Tokens: https://www.rfc-editor.org/rfc/rfc7519
    r"|\bbearer\s+\S+|\bbasic\s+[A-Za-z0-9+/]{16,}=*"
    r"|(?<![a-z0-9])(?:cpd_[0-9a-f]{16,}|(?:sk|pk|rk|whsec|shpat|gh[a-z]|xox[a-z])[_-][\w-]{8,})"
    r"|[?&]\w{0,64}(?:token|key|secret|password|signature)=[^\s&#]+"
    # Only where the word is followed by its value, so that "no token" stays what it says.
    r"|\b(?:access_token|refresh_token|client_secret|password|passwd|secret|api_key)\"?"
    r"(?:\s?=\s?\"?|\s?:\s?\"?(?=[^\s\"',;&\d]{0,64}\d))[^\s\"',;&]{4,}"
)
# With the code of a country, or written as people write them: 020 7946 0000, (555) 010-9999, 555-010-9999.
_PHONE = re.compile(
    r"(?<![\w.:/+-])\+\d[\d ()./-]{6,30}\d"
    r"|(?<![\w.:/+-])00[1-9]\d{7,13}(?![\w-])"
    r"|(?<![\w.:/+-])\(0?\d{2,4}\) ?\d{3,4}[ -]?\d{3,4}(?![\w-])"
    r"|(?<![\w.:/+-])0\d{2,4}[ /]\d{3,4}[ -]?\d{3,5}(?![\w-])"
    r"|(?<![\w.:/+-])\d{3}[-. ]\d{3}[-. ]\d{4}(?![\w-])"
)
_CARD = re.compile(r"(?<![\w.+-])\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,7}(?![\w-])")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IPV6 = re.compile(
    r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])|(?<![\w:])[0-9a-fA-F:]*::[0-9a-fA-F:]+"
)
# What is cheap to look for comes first: most lines have nothing of it.
_WORDS = ("eyj", "bearer", "basic", "cpd_", "token", "secret", "key", "pass", "signature")
_VENDORS = re.compile(r"(?i)(?:[spr]k|whsec|shpat|gh[a-z]|xox[a-z])[_-]")
_NUMBER = re.compile(r"[+(\d][\d ()./-]{6,40}\d")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ][\d:.]{5,15}Z?")
_TEN = 10


def scrubbed(text: str) -> str:
    """A text without what looks like an e-mail address, a telephone or card number, or a token; the rest stays.

    For notes, reasons and errors at the moment when they are shown. Scrubbing it again changes nothing.
    """
    if _AT.search(text):
        text = _RUN.sub(_unless_email, text)
    low = text.lower()
    if any(word in low for word in _WORDS) or _VENDORS.search(text):
        text = _TOKEN.sub(MASK, text)
    if _NUMBER.search(text) and not _TIME.fullmatch(text):
        text = _CARD.sub(_unless_card, _PHONE.sub(MASK, text))
    return text


def without_addresses(text: str) -> str:
    """The same, and without IP addresses: for what came from outside, where they are somebody's."""
    text = scrubbed(text)
    if "." in text:
        text = _IPV4.sub(MASK, text)
    return _IPV6.sub(MASK, text) if ":" in text else text


def has_email(text: str) -> bool:
    """Whether an e-mail address seems to stand in a text."""
    return _AT.search(text) is not None


def _unless_email(run: re.Match[str]) -> str:
    found = _AT.search(run[0])
    if not found or not found.start() or found.end() == len(run[0]):
        return run[0]
    return MASKED_EMAIL


def _unless_card(found: re.Match[str]) -> str:
    """Keep a long number whose check digit is not a card's: https://www.iso.org/standard/70484.html."""
    digits = [int(digit) for digit in found[0] if digit.isdigit()]
    doubled = (sum(divmod(2 * digit, _TEN)) for digit in digits[-2::-2])
    return found[0] if (sum(digits[-1::-2]) + sum(doubled)) % _TEN else MASK
