"""What must be true, now or within a deadline; what is told when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List

from stack.failure import Failure
from stack.waiting import wait_for

# Nothing waits this long unless something is wrong, even on a slow and crowded machine where a killed worker's partitions
# are given away only when the group misses it.
USUAL_SECONDS = 90.0


@dataclass(frozen=True)
class Look:
    """What one look found: whether it is what was expected, and the finding in words."""

    met: bool
    seen: str


class Unmet(Failure):
    """An expectation that failed."""

    def __init__(self, expected: str, seen: str) -> None:
        super().__init__(f"{expected}: {seen}")
        self.expected = expected
        self.seen = seen


def require(expected: str, wrong: List[str]) -> None:
    """Fails unless nothing is wrong; tells the first few of what is."""
    if wrong:
        more = f", and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Unmet(expected, "; ".join(wrong[:3]) + more)


def eventually(expected: str, look: Callable[[], Look], progress: Callable[[str], None], seconds: float) -> str:
    """Looks until it is as expected, telling on the way what is seen; returns what was seen in the end."""
    last = Look(False, "nothing")

    def is_met() -> bool:
        nonlocal last
        last = look()
        progress(f"{expected}: {last.seen}")
        return last.met

    try:
        wait_for(expected, is_met, seconds)
    except Unmet:
        raise
    except Failure:
        raise Unmet(expected, f"not within {seconds:g} s; last seen: {last.seen}") from None
    return last.seen
