"""After the faults: nobody writes, and everything that was written has to arrive, within a deadline."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List

from confluent_kafka import KafkaException
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from chaos.identity import identity
from chaos.model import DocumentId, Position, Record
from chaos.reading.records import Reader
from chaos.reading.tail import RAW
from chaos.reading.topics import Topics
from chaos.reading.truth import Truth
from chaos.reading.watcher import Watcher
from chaos.sides import Documents, compare, keyed
from chaos.verdict import Verdict
from chaos.workload.namespaces import Namespace
from stack.failure import Failure
from stack.waiting import wait_for

# Kafka's transaction timeout (15 s), a group's session (10 s) and a source's election, one after the other, and the work itself.
ARRIVE_SECONDS = 90.0
# After the markers: what other partitions still have to bring.
AGREE_SECONDS = 45.0
# The same where something is known to be wrong.
DISAGREE_SECONDS = 5.0
REST_SECONDS = 30.0
MARKER = "marker"
LOOK_AGAIN_SECONDS = 0.5


class Marked:
    """A marker in each namespace: a document like others, written after all others."""

    def __init__(self, source: MongoClient, namespaces: List[Namespace]) -> None:
        self._source, self._namespaces = source, namespaces
        self.ids: List[DocumentId] = [(one.name, identity(MARKER)) for one in namespaces]
        self.rev = 0

    def write(self, rev: int) -> None:
        """Writes all of them, trying again while the source elects."""
        for one in self._namespaces:
            wait_for(f"a marker in {one.name}", lambda one=one: self._write(one, rev), ARRIVE_SECONDS)  # type: ignore[misc]
        self.rev = rev

    def _write(self, one: Namespace, rev: int) -> bool:
        marker = {"_id": MARKER, "rev": rev, **({"u": rev} if one.is_unique else {})}
        try:
            self._source[one.db][one.coll].replace_one({"_id": MARKER}, marker, upsert=True)
        except PyMongoError:
            return False
        return True

    def are_in(self, seen: Callable[[DocumentId], Any]) -> bool:
        """Whether all have arrived where `seen` looks."""
        return all(seen(one) == self.rev for one in self.ids)


class Settling:
    """Waits for the end of one round."""

    def __init__(
        self, marked: Marked, truth: Truth, watcher: Watcher, topics: Topics, require_running: Callable[[], None]
    ) -> None:
        self._marked, self._truth, self._watcher, self._topics = marked, truth, watcher, topics
        self._require_running = require_running
        self._reader = Reader()
        self._in_topics: Dict[DocumentId, Any] = {}
        # Of each epoch, the highest sequence number read.
        self._reached: Dict[int, int] = {}

    def source(self) -> None:
        """The source's own stream has told everything."""
        self._wait("the source's stream telling the last write", lambda: self._marked.are_in(self._truth.state))

    def topics(self, verdict: Verdict) -> List[Record]:
        """Everything is committed in Kafka; all records since the last round."""
        records: List[Record] = []

        def arrived() -> bool:
            try:
                # First that nothing is open, then the read: what is committed by then is read whole.
                is_committed = self._topics.are_committed()
                records.extend(self._read(verdict))
            except (KafkaException, Failure):
                return False
            return is_committed and self._marked.are_in(self._in_topics.get)

        try:
            self._wait("the last write being in its topic", arrived)
        except Failure as failure:
            verdict.add("stuck", str(failure))
        return records

    def rest(self, verdict: Verdict, claimed: List[Position]) -> List[Record]:
        """What came since, as of a copy that goes on: all that was claimed until now, unless it never comes."""
        records: List[Record] = []

        def has_come() -> bool:
            try:
                records.extend(self._read(verdict))
            except (KafkaException, Failure):
                return False
            last = claimed[-1] if claimed else None
            return last is None or self._reached.get(last.epoch, 0) >= last.number

        try:
            wait_for("the last record that was claimed", has_come, REST_SECONDS)
        except Failure:
            pass  # for the check to tell, in its own words
        return records

    def _read(self, verdict: Verdict) -> List[Record]:
        found = [self._reader.read(raw, verdict) for raw in self._topics.read_events()]
        records = [one for one in found if one is not None]
        self._in_topics.update({one.document: one.change.state for one in records})
        for one in records:
            self._reached[one.sequence.epoch] = max(one.sequence.number, self._reached.get(one.sequence.epoch, 0))
        return records

    def target(self, verdict: Verdict) -> None:
        """The last writes are at the target."""
        try:
            self._wait("the last write being at the target", lambda: self._marked.are_in(self._watcher.state))
        except Failure as failure:
            verdict.add("stuck", str(failure))

    def _wait(self, what: str, arrived: Callable[[], bool]) -> None:
        def looked() -> bool:
            for tail in (self._truth.tail, self._watcher.tail):
                if tail.failure is not None:
                    raise Failure(f"a change stream cannot be read on: {tail.failure}")
            self._require_running()
            return arrived()

        wait_for(what, looked, ARRIVE_SECONDS)


def agreement(source: MongoClient, target: MongoClient, namespaces: List[Namespace], seconds: float) -> Verdict:
    """Check a, given some time to come true."""
    end = time.monotonic() + seconds
    while True:
        verdict = Verdict()
        for one in namespaces:
            verdict.include(compare(one.name, _whole(source, one), _whole(target, one), one.rule, one.may_move))
        if verdict.is_clean or time.monotonic() > end:
            return verdict
        time.sleep(LOOK_AGAIN_SECONDS)


def _whole(client: MongoClient, one: Namespace) -> Documents:
    collection = client[one.db].get_collection(one.coll, codec_options=RAW)
    return wait_for(f"{one.name} being read", lambda: _read_whole(collection), ARRIVE_SECONDS)[0]


def _read_whole(collection: Any) -> "tuple[Documents] | None":
    try:
        return (keyed([document.raw for document in collection.find()]),)
    except PyMongoError:
        return None
