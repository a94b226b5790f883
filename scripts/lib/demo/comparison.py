"""Both sides beside each other: which documents differ, and one document as a table for people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Container, Dict, List

from demo import allowlist

# What stands for a field that a side does not have.
ABSENT = "·"


@dataclass(frozen=True)
class Difference:
    """`_id`s that are on one side only, and those whose documents differ in a byte."""

    missing: List[Any]
    extra: List[Any]
    different: List[Any]

    @property
    def count(self) -> int:
        """Documents that are not the same on both sides."""
        return len(self.ids)

    @property
    def ids(self) -> List[Any]:
        """The `_id`s of those."""
        return [*self.different, *self.missing, *self.extra]

    def __str__(self) -> str:
        kinds = {"missing": self.missing, "extra": self.extra, "different": self.different}
        told = [f"{len(ids)} {kind} (_id {_few(ids)})" for kind, ids in kinds.items() if ids]
        return ", ".join(told) or "no difference"


def _few(ids: List[Any]) -> str:
    shown = ", ".join(str(one) for one in ids[:3])
    return shown + ", …" if len(ids) > 3 else shown


def difference(source: Dict[Any, bytes], target: Dict[Any, bytes], allowed: Container[str]) -> Difference:
    """Compares all documents, by `_id`, byte for byte: the target's with the source's under the allowlist."""
    expected = {key: allowlist.shaped(raw, allowed) for key, raw in source.items()}
    return Difference(
        missing=[key for key in expected if key not in target],
        extra=[key for key in target if key not in expected],
        different=[key for key, raw in expected.items() if target.get(key, raw) != raw],
    )


def side_by_side(sides: Dict[str, Dict[str, Any]]) -> List[str]:
    """One line of names, then one per side with its values under them; columns in the order of the first side."""
    names = list(dict.fromkeys(name for document in sides.values() for name in document))
    lines = [["", *names]]
    lines += [[side, *(_cell(document, name) for name in names)] for side, document in sides.items()]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines]


def _cell(document: Dict[str, Any], name: str) -> str:
    if name not in document:
        return ABSENT
    return json.dumps(document[name], ensure_ascii=False, separators=(",", ":"))
