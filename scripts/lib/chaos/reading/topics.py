"""Kafka as any reader finds it: only what is committed, partition by partition, each record once."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, Iterable, List, Tuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from chaos.reading.records import Raw
from stack.failure import Failure

ANSWER_SECONDS = 10.0
# Of one call that reads to the end.
READ_SECONDS = 40.0
SETTINGS = {
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "fetch.wait.max.ms": 50,
    "reconnect.backoff.max.ms": 1000,
    "check.crcs": True,
    "log_level": 0,
}
Partition = Tuple[str, int]


class Topics:
    """One broker, read from where the last read ended."""

    def __init__(self, brokers: str, pipeline: str) -> None:
        self._brokers = {"bootstrap.servers": brokers, "log_level": 0}
        self._internal = f"oplogue.{pipeline}."
        self._admin = AdminClient({**self._brokers, "logger": _Silence()})
        self._consumer = self._reader("chaos-checker")
        self._group = self._reader(f"oplogue.{pipeline}")
        self._next: Dict[Partition, int] = {}

    def _reader(self, group: str) -> Consumer:
        return Consumer({**self._brokers, **SETTINGS, "group.id": group}, logger=_Silence())

    def close(self) -> None:
        """Lets go of the connections."""
        self._consumer.close()
        self._group.close()

    def create(self, name: str, partitions: int, config: Dict[str, str]) -> None:
        """A topic that is there before anybody needs it."""
        wanted = NewTopic(name, num_partitions=partitions, replication_factor=1, config=config)
        self._admin.create_topics([wanted], request_timeout=ANSWER_SECONDS)[name].result()

    def event_partitions(self) -> List[Partition]:
        """All partitions of all event topics."""
        topics = self._admin.list_topics(timeout=ANSWER_SECONDS).topics
        events = {name: topic for name, topic in topics.items() if not name.startswith(("__", "oplogue."))}
        return [(name, number) for name, topic in sorted(events.items()) for number in sorted(topic.partitions)]

    def read_events(self) -> List[Raw]:
        """Every committed record since the last such read."""
        return self._read(self.event_partitions())

    def read_dead_letters(self) -> List[Raw]:
        """Every record that the workers refused since the last such read."""
        return self._read_internal("dead-letters")

    def read_positions(self, seconds: float) -> List[Dict[str, Any]]:
        """Every position that was committed since the last such read, oldest first."""
        found = self._read_internal("positions", seconds)
        return [json.loads(one.value) for one in found if one.key == b"token" and one.value]

    def _read_internal(self, what: str, seconds: float = READ_SECONDS) -> List[Raw]:
        name = self._internal + what
        topic = self._admin.list_topics(timeout=ANSWER_SECONDS).topics.get(name)
        return self._read([(name, number) for number in topic.partitions], seconds) if topic else []

    def _read(self, partitions: List[Partition], seconds: float = READ_SECONDS) -> List[Raw]:
        """All of it or, by an exception, nothing: then the next read begins where this one did."""
        found: List[Raw] = []
        pending = set(partitions)
        self._consumer.assign([TopicPartition(*one, self._next.get(one, OFFSET_BEGINNING)) for one in partitions])
        until = time.monotonic() + seconds
        while pending:
            if time.monotonic() > until:
                # Seen after a cut: a client that is told nothing any more. The next read has a new one.
                self._consumer.close()
                self._consumer = self._reader("chaos-checker")
                raise Failure(f"the topics could not be read to their ends within {seconds:g} s")
            for message in self._consumer.consume(1000, timeout=0.1):
                self._take(message, found, pending)
        self._consumer.unassign()
        self._next.update({one.partition: one.offset + 1 for one in sorted(found, key=lambda one: one.offset)})
        return sorted(found, key=lambda one: (one.partition, one.offset))

    def _take(self, message: Any, found: List[Raw], pending: "set[Partition]") -> None:
        partition = (message.topic(), message.partition())
        error = message.error()
        if error is None:
            headers = {name: held.decode() for name, held in message.headers() or []}
            found.append(Raw(partition, message.offset(), headers, message.key(), message.value() or b""))
        elif error.code() == KafkaError._PARTITION_EOF:
            pending.discard(partition)
        elif error.fatal():
            raise KafkaException(error)

    def ends(self, partitions: Iterable[Partition], is_committed: bool) -> Dict[Partition, int]:
        """Where the partitions end: of all records, or of those that a committed reader is given."""
        asked = {TopicPartition(*one): OffsetSpec.latest() for one in partitions}
        level = IsolationLevel.READ_COMMITTED if is_committed else IsolationLevel.READ_UNCOMMITTED
        answers = self._admin.list_offsets(asked, isolation_level=level, request_timeout=ANSWER_SECONDS) if asked else {}
        return {(one.topic, one.partition): answer.result().offset for one, answer in answers.items()}

    def are_committed(self) -> bool:
        """Whether no transaction is open anywhere."""
        partitions = self.event_partitions()
        return self.ends(partitions, is_committed=True) == self.ends(partitions, is_committed=False)

    def group_offsets(self) -> Dict[Partition, int]:
        """What the workers have committed."""
        asked = [TopicPartition(*one) for one in self.event_partitions()]
        answered = self._group.committed(asked, timeout=ANSWER_SECONDS) if asked else []
        return {(one.topic, one.partition): one.offset for one in answered if one.offset >= 0 and one.error is None}


class _Silence:
    """Takes what the client logs: servers come and go here on purpose."""

    def log(self, *_: Any, **__: Any) -> None:
        """Nothing."""
