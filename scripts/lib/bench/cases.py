"""What is measured: workloads, and the systems that carry them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Optional

QUICK_DIVISOR = 20
QUICK_SECONDS = 5


@dataclass(frozen=True)
class Setting:
    """How many there are of what can be many."""

    workers: int = 1
    # Each with a producer and a collection of its own.
    sources: int = 1
    partitions: int = 8
    # Of each source.
    collections: int = 1

    @property
    def is_one_collection(self) -> bool:
        """Whether all that is carried is in one."""
        return self.sources == 1 and self.collections == 1


@dataclass(frozen=True)
class Workload:
    """Documents and changes of them, and whether a system finds them before its start or in the stream."""

    name: str
    about: str
    # `snapshot`: there before the start. `drain`: written behind a position, then caught up with. `latency`: written at a rate, each
    # write watched. `idle`: nothing is written. `start`: nothing is there either.
    way: str
    shape: str
    # What the drained changes are.
    kind: str
    # Events that are carried.
    events: int
    # Documents that updates and deletes find.
    there: int = 0
    # Writes per second, and for how long.
    rate: int = 0
    seconds: int = 0
    setting: Setting = Setting()
    # Of a document whose shape does not say.
    bytes: int = 0
    # Of one of a series: what is varied.
    at: Optional[int] = None

    @property
    def is_live(self) -> bool:
        """Whether it is about a system that has caught up."""
        return self.way in ("latency", "idle")

    @property
    def is_carried(self) -> bool:
        """Whether there is a number of events to be carried, as fast as can be."""
        return self.way in ("snapshot", "drain")

    def smaller(self) -> "Workload":
        """The same, quickly."""
        smaller = replace(self, events=self.events // QUICK_DIVISOR, there=self.there // QUICK_DIVISOR)
        return replace(smaller, seconds=QUICK_SECONDS) if self.is_live else smaller


def _latency(rate: int, seconds: int) -> Workload:
    about = f"from when a write is due to when it is visible, {rate:,} per second"
    return Workload(f"latency-{rate}", about, "latency", "small", "inserts", rate * seconds, rate=rate, seconds=seconds)


MILLION = 1_000_000
WORKLOADS = (
    Workload("snapshot-users", "copy of 1 M user documents", "snapshot", "user", "inserts", MILLION),
    Workload("drain-users", "backlog of 1 M inserts of user documents", "drain", "user", "inserts", MILLION),
    Workload("drain-small", "backlog of 500 k inserts of 300 B", "drain", "small", "inserts", MILLION // 2),
    Workload("drain-nested", "backlog of 200 k inserts of 2 KB", "drain", "nested", "inserts", MILLION // 5),
    Workload("drain-mixed", "backlog of 400 k updates and inserts, half each", "drain", "user", "mixed", 400_000, 200_000),
    Workload("drain-hot", "backlog of 400 k updates of 100 documents", "drain", "user", "hot", 400_000, 1000),
    Workload("drain-deletes", "backlog of 200 k deletes", "drain", "small", "deletes", 200_000, 200_000),
    *(_latency(rate, seconds) for rate, seconds in ((1, 60), (100, 30), (2000, 30), (10_000, 30))),
    Workload("idle", "nothing is written", "idle", "small", "inserts", 0, seconds=60),
    Workload("start", "from the start of a process to when it is ready", "start", "small", "inserts", 0),
)

# Until Java has compiled what the broker and Connect do all the time; measured with the broker, whose compiler then rests.
WARM_UP = Workload("warm-up", "not counted", "drain", "small", "inserts", 3 * MILLION // 2)

# By name: what it is.
SYSTEMS = {
    "oplogue": "producer and one worker, source to target",
    "oplogue-source": "producer alone, source to Kafka",
    "official-pair": "MongoDB Kafka Connector in Kafka Connect, source and sink, tuned",
    "official-pair-default": "the same as it comes",
    "official-source": "its source alone, source to Kafka, tuned",
    "official-source-default": "the same as it comes",
    "debezium-source": "Debezium in Kafka Connect, source to Kafka, tuned",
    "debezium-source-default": "the same as it comes",
    "floor": "raw cursor to raw write, nothing between",
    "floor-kafka": "raw cursor to Kafka to raw write",
}
