"""Transactions of the source can be put together again: every event of one, and no other, carries the header `txn`, whose index counts
the transaction's events from 0 in the order of the sequence numbers."""

from __future__ import annotations

from collections import Counter
from typing import Dict, List, Tuple

from chaos.model import Record, Window
from chaos.verdict import Verdict

Transaction = Tuple[str, int]


def check(window: Window) -> Verdict:
    """Every transaction of the window; they are never in two."""
    verdict = Verdict()
    changes = [one for held in window.source.values() for one in held if one.time > window.since]
    at_source = Counter(one.transaction for one in changes if one.transaction)
    records: Dict[Transaction, List[Record]] = {}
    for record in window.records:
        if record.barrier:
            # A collection may be made amid a transaction; only changes of documents have a place in it.
            continue
        if record.place:
            records.setdefault(record.place[:2], []).append(record)
        if not record.is_snapshot and record.change.transaction != (record.place[:2] if record.place else None):
            verdict.add(
                "diverged", f"{record.partition}@{record.offset}: header {record.place}, event {record.change.transaction}"
            )
    for transaction, count in at_source.items():
        _transaction(transaction, count, records.pop(transaction, []), verdict)
    for transaction in records:
        verdict.add("diverged", f"transaction {transaction} is in the topics, not at the source")
    verdict.apart["transactions put together"] += len(at_source)
    return verdict


def _transaction(transaction: Transaction, count: int, records: List[Record], verdict: Verdict) -> None:
    in_order = sorted(records, key=lambda one: one.sequence)
    found = [one.place[2] for one in in_order if one.place]
    if found == list(range(count)):
        return
    kind = "lost" if len(found) < count else "duplicated" if len(found) > count else "reordered"
    verdict.add(kind, f"transaction {transaction} of {count} events has the places {found}")
