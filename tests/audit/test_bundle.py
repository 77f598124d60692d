"""The manifest of a bundle."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.audit.bundle import DataFile, Epoch, Manifest, read_manifest
from service.errors import EvidenceUnreadable

MANIFEST = Manifest(
    made_at="2026-03-02T09:00:05Z",
    query="",
    complete=True,
    checkpoint=None,
    keys=("example.com/log+33d7b496+AeHTnY4w",),
    epochs=(Epoch(1, "example.com/log", 7),),
    files=(DataFile("leaves.bin", None, 7, "00" * 32), DataFile("events.ndjson", "events", 2, "11" * 32)),
    omitted={"deliveries": ("body",)},
)


def test_a_manifest_is_read_back() -> None:
    assert read_manifest(MANIFEST.spell()) == MANIFEST


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"epochs": 3},
        {"files": [{}]},
        {"more": 1},
        {"files": [{**json.loads(MANIFEST.spell())["files"][0], "name": "../up"}]},
    ],
    ids=["format", "epochs", "file", "unknown name", "path"],
)
def test_another_text_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EvidenceUnreadable):
        read_manifest(json.dumps({**json.loads(MANIFEST.spell()), **change}))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null"])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    with pytest.raises(EvidenceUnreadable):
        read_manifest(text)
