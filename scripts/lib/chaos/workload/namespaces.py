"""The namespaces of the workload, and how each differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

from chaos.shaping import Rule


@dataclass(frozen=True)
class Namespace:
    """One namespace: how many documents exist before the pipeline starts, how many there can be, what is done to them."""

    db: str
    coll: str
    existing: int
    most: int
    rule: Rule = Rule()
    # `_id`s of every type instead of numbers.
    has_mixed_ids: bool = False
    # `u` is unique at the source, and its values wander between documents.
    is_unique: bool = False
    # The index is unique at the target, too, from the start; otherwise it is one like others there.
    is_enforced: bool = False
    # Update pipelines move fields, which a change event does not tell.
    may_move: bool = False
    # Bytes of filling per document, so that copying takes its time.
    padding: int = 0
    # Now and then far larger filling instead: events of many megabytes.
    is_large: bool = False
    weight: float = 1

    @property
    def name(self) -> str:
        """As headers and configuration write it."""
        return f"{self.db}.{self.coll}"


PEOPLE = frozenset({"rev", "name", "nested", "list", "items", "tags", "count"})
ALL = [
    Namespace("alpha", "orders", existing=300, most=400, weight=4),
    Namespace(
        "alpha", "mixed", existing=60, most=120, rule=Rule(deny=frozenset({"secret", "extra"})), has_mixed_ids=True, weight=3
    ),
    Namespace("beta", "people", existing=200, most=300, rule=Rule(allow=PEOPLE), weight=3),
    Namespace("beta", "ledger", existing=100, most=150, weight=2),
    Namespace("beta", "enforced", existing=40, most=60, is_unique=True, is_enforced=True, weight=2),
    Namespace("beta", "deferred", existing=40, most=60, is_unique=True),
    Namespace("gamma", "bulk", existing=6000, most=6400, padding=2500, weight=3),
    Namespace("gamma", "moved", existing=50, most=80, may_move=True, weight=1),
    Namespace("gamma", "large", existing=4, most=9, is_large=True, weight=0.3),
]


def databases(namespaces: List[Namespace]) -> List[str]:
    """Their databases."""
    return sorted({one.db for one in namespaces})
