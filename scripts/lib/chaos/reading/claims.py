"""What is claimed at a moment: the position in Kafka, and the offsets that the workers have committed.

Looked at around every kill. The order matters: first the claim, then what it is held against.
"""

from __future__ import annotations

import threading
import time
from typing import List

from confluent_kafka import KafkaException
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from chaos.model import Checkpoint, Position, Time
from chaos.reading.topics import Topics
from stack.failure import Failure

# Longer than a healthy broker needs; an unhealthy one is not waited for.
LOOK_SECONDS = 4.0


class Claims:
    """Collected until they are taken."""

    def __init__(self, topics: Topics, target: MongoClient) -> None:
        self._topics, self._target = topics, target
        # Faults overlap, and a reader is one thread's.
        self._lock = threading.Lock()
        self.positions: List[Position] = []
        self.checkpoints: List[Checkpoint] = []
        # The first position of all says where the stream begins.
        self.since: Time = (0, 0)

    def look(self, moment: str) -> bool:
        """Takes note of what is claimed now; False when a server that must be asked is away."""
        try:
            with self._lock:
                self._position(moment)
                self._offsets()
        except (KafkaException, PyMongoError, Failure):
            return False
        return True

    def _position(self, moment: str) -> None:
        found = self._topics.read_positions(LOOK_SECONDS)
        if not found:
            return
        if self.since == (0, 0):
            seconds, _, increment = found[0]["clusterTime"].partition(".")
            self.since = int(seconds), int(increment)
        ends = self._topics.ends(self._topics.event_partitions(), is_committed=False)
        self.positions.append(Position(found[-1]["epoch"], found[-1]["sequence"], ends, moment))

    def _offsets(self) -> None:
        committed = self._topics.group_offsets()
        now = self._time_of_target()
        self.checkpoints += [Checkpoint(now, partition, offset, "the group") for partition, offset in committed.items()]

    def _time_of_target(self) -> Time:
        with self._target.start_session() as session:
            collection = self._target["oplogue"].get_collection("chaos-clock", read_concern=ReadConcern("majority"))
            collection.find_one({}, session=session)
            reached = session.operation_time
        return (reached.time, reached.inc) if reached else (int(time.time()), 0)

    def take(self) -> "tuple[List[Position], List[Checkpoint]]":
        """What was claimed since the last take."""
        taken = self.positions, self.checkpoints
        self.positions, self.checkpoints = [], []
        return taken
