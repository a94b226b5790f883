"""What is measured: workloads, and the systems that carry them."""

from __future__ import annotations

from dataclasses import dataclass, replace

QUICK_DIVISOR = 20


@dataclass(frozen=True)
class Workload:
    """Documents and changes of them, and whether a system finds them before its start or in the stream."""

    name: str
    about: str
    # `snapshot`: there before the start. `drain`: written behind a position, then caught up with.
    way: str
    shape: str
    # What the drained changes are.
    kind: str
    # Events that are carried.
    events: int
    # Documents that updates and deletes find.
    there: int = 0

    def smaller(self) -> "Workload":
        """The same, quickly."""
        return replace(self, events=self.events // QUICK_DIVISOR, there=self.there // QUICK_DIVISOR)


MILLION = 1_000_000
WORKLOADS = (
    Workload("snapshot-users", "copy of 1 M user documents", "snapshot", "user", "inserts", MILLION),
    Workload("drain-users", "backlog of 1 M inserts of user documents", "drain", "user", "inserts", MILLION),
    Workload("drain-small", "backlog of 1 M inserts of 300 B", "drain", "small", "inserts", MILLION),
    Workload("drain-nested", "backlog of 200 k inserts of 2 KB", "drain", "nested", "inserts", MILLION // 5),
    Workload("drain-mixed", "backlog of 400 k updates and inserts, half each", "drain", "user", "mixed", 400_000, 200_000),
    Workload("drain-hot", "backlog of 400 k updates of 100 documents", "drain", "user", "hot", 400_000, 1000),
    Workload("drain-deletes", "backlog of 200 k deletes", "drain", "small", "deletes", 200_000, 200_000),
)

# By name: what it is.
SYSTEMS = {
    "oplogue": "producer and one worker, source to target",
    "oplogue-source": "producer alone, source to Kafka",
    "floor": "raw cursor to raw insert, nothing between",
    "floor-kafka": "raw cursor to Kafka to raw insert",
}
