"""What was found wrong, by kind, with enough words to go and look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, List

# In the order in which they are told.
KINDS = ("lost", "duplicated", "reordered", "regressed", "diverged", "ahead", "stuck")


@dataclass(frozen=True)
class Finding:
    """One thing that must not be."""

    kind: str
    what: str


@dataclass
class Verdict:
    """All findings, and what is counted apart because it is none."""

    findings: List[Finding] = field(default_factory=list)
    apart: "Counter[str]" = field(default_factory=Counter)

    def add(self, kind: str, what: str) -> None:
        """Takes note of a finding."""
        assert kind in KINDS, kind
        self.findings.append(Finding(kind, what))

    def include(self, other: "Verdict") -> None:
        """Takes another verdict's findings over."""
        self.findings += other.findings
        self.apart.update(other.apart)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def counts(self) -> Dict[str, int]:
        """How many of each kind, the kinds that there are none of included."""
        found = Counter(one.kind for one in self.findings)
        return {kind: found[kind] for kind in KINDS}

    def __str__(self) -> str:
        return " ".join(f"{kind} {count}" for kind, count in self.counts.items())
