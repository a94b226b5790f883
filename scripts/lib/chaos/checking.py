"""All checks of one round, and what is carried from round to round."""

from __future__ import annotations

from typing import Dict, List

from chaos import definitions, histories, progress, transactions
from chaos.model import DocumentId, State, Window
from chaos.progress import Positions
from chaos.reading.records import Raw
from chaos.sequences import Sequences
from chaos.verdict import Verdict


class Checks:
    """b to e over windows; a clean window's end is the next one's base."""

    def __init__(self, is_plain: bool) -> None:
        self._is_plain = is_plain
        self._sequences, self._positions = Sequences(), Positions()
        self._base: Dict[DocumentId, State] = {}

    def check(self, window: Window) -> Verdict:
        """One window."""
        verdict = histories.check(window)
        verdict.include(definitions.check(window))
        verdict.include(self._sequences.check(window))
        verdict.include(self._positions.check(window))
        verdict.include(transactions.check(window))
        verdict.include(progress.ahead(window, self._base))
        regressions = progress.regressions(window, self._base)
        if self._is_plain:
            verdict.apart["regressed in plain mode"] += len(regressions.findings)
        else:
            verdict.include(regressions)
        self._base.update({document: changes[-1].state for document, changes in window.source.items()})
        return verdict


def dead_letters(found: List[Raw], is_plain: bool) -> Verdict:
    """Nothing that the workload writes can be refused; in plain mode a delta that is applied again may be."""
    verdict = Verdict()
    for one in found:
        if is_plain:
            verdict.apart["dead letters in plain mode"] += 1
        else:
            told = {name: held for name, held in one.headers.items() if name.startswith("dead.") or name in ("ns", "op", "seq")}
            verdict.add("diverged", f"a dead letter: {told}, key {(one.key or b'').decode(errors='replace')}")
    return verdict
