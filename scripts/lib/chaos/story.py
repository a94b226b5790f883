"""The rounds: write and break, make good, wait until everything has arrived, compare everything."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Dict, List

from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from stack.failure import Failure

from chaos import checking, definitions, evidence, settling
from chaos.checking import Checks
from chaos.configuration import PARTITIONS, PIPELINE
from chaos.faults import schedule
from chaos.faults.conductor import Conductor
from chaos.model import Window
from chaos.options import Options
from chaos.reading.claims import Claims
from chaos.reading.topics import Topics
from chaos.reading.truth import Truth
from chaos.reading.watcher import Watcher
from chaos.settling import Marked, Settling
from chaos.verdict import Verdict
from chaos.workload.authors import Workload
from chaos.workload.definer import Definer
from chaos.workload.namespaces import Namespace, databases
from chaos.workload.requests import Requests
from chaos.workload.settings import DATABASES
from chaos.world import World

# Slower than the longest fault: a write whose server is paused ends after that.
WRITE_MILLIS = 15_000
AUTHORS_END_SECONDS = 60.0
# Where documents are large the topic takes small records only, so that values go in parts.
SMALL_RECORDS = str(256 * 1024)
# What looks on must find the next server sooner than what is looked at.
CLIENT: Dict[str, Any] = {"heartbeatFrequencyMS": 1000, "connectTimeoutMS": 3000, "serverSelectionTimeoutMS": 10_000}


def _is_modern(client: MongoClient) -> bool:
    """From 6.0 on a source's stream tells of definitions, and a target keeps an expiry that never comes."""
    return int(client.server_info()["version"].split(".")[0]) >= 6


class Story:
    """One run."""

    def __init__(self, world: World, options: Options, namespaces: List[Namespace]) -> None:
        self._world, self._options, self._namespaces = world, options, namespaces
        self._is_plain = options.mode == "plain"
        uris = {side: world.stack.deployments[side].uri for side in ("source", "target")}
        writing: MongoClient = MongoClient(uris["source"], w="majority", timeoutMS=WRITE_MILLIS, **CLIENT)
        self._source, self._target = (MongoClient(uris[side], socketTimeoutMS=10_000, **CLIENT) for side in ("source", "target"))
        self._workload = Workload(writing, namespaces, options.seed, options.rate)
        names = databases(namespaces)
        raw = [
            MongoClient(uris[side], document_class=RawBSONDocument, socketTimeoutMS=10_000, **CLIENT)
            for side in ("source", "target")
        ]
        defined = [] if self._is_plain else [*DATABASES]
        self._truth = Truth(raw[0], [*names, *defined], self._now(self._source))
        self._watcher = Watcher(raw[1], names, self._now(self._target), PIPELINE)
        self._topics = Topics(world.brokers, PIPELINE)
        self._claims = Claims(self._topics, self._target)
        self._conductor = Conductor(world, self._claims.look)
        self._requests = Requests(world.brokers, PIPELINE, options.seed)
        self._marked = Marked(writing, namespaces)
        self._settling = Settling(self._marked, self._truth, self._watcher, self._topics, world.pipeline.require_running)
        self._checks = Checks(self._is_plain)
        is_told, self._keeps_expiry = (_is_modern(one) for one in (self._source, self._target))
        self._definer = None if self._is_plain else Definer(writing, options.seed, self._workload.revs, is_told)
        self.faults: "Counter[str]" = Counter()
        self.total = Verdict()
        self.rounds: List[Dict[str, Any]] = []

    @staticmethod
    def _now(client: MongoClient) -> Any:
        return client.admin.command("ping")["operationTime"]

    def begin(self) -> None:
        """What exists before the pipeline; then the pipeline and all who look on."""
        for one in self._namespaces:
            if one.is_unique:
                # In plain mode old values come back with every replay: there nothing may refuse them.
                self._target[one.db][one.coll].create_index("u", unique=one.is_enforced and not self._is_plain)
            if one.is_large:
                self._topics.create(one.name, PARTITIONS, {"max.message.bytes": SMALL_RECORDS})
        self._truth.tail.start()
        self._watcher.tail.start()
        self._workload.seed_documents()
        self._workload.start()
        if self._definer:
            self._definer.begin()
            self._definer.start()
        self._world.start_parts()

    def tell(self, say: Any) -> None:
        """Round after round until all are done, time is up, or something is wrong."""
        end = time.monotonic() + self._options.minutes * 60 if self._options.minutes else float("inf")
        for number in range(1, self._options.rounds + 1):
            if time.monotonic() > end:
                break
            self._round(number, say)
            if not self.total.is_clean:
                break
        self._workload.stop()
        if self._definer:
            self._definer.stop()

    def _round(self, number: int, say: Any) -> None:
        began, options = time.monotonic(), self._options
        faults = schedule.round_of(options.seed, number, options.only, options.round_seconds, self._is_plain)
        told = len(self._conductor.deeds)
        if self._definer:
            self._definer.go()
        self._workload.go(schedule.lull_of(options.seed, number, options.round_seconds))
        asked = self._requests.ask(number, self._namespaces, self._workload.ids) if options.requests and number > 1 else ""
        self._conductor.carry_out(faults, options.round_seconds)
        if self._definer:
            self._definer.pause()
        are_idle = self._workload.pause(AUTHORS_END_SECONDS)
        if not are_idle or (self._definer and not self._definer.wait_idle(AUTHORS_END_SECONDS)):
            raise Failure("an author did not come to an end")
        self._conductor.recover()
        verdict, window = self._settle()
        deeds = self._conductor.deeds[told:]
        self.faults.update(one.kind for one in deeds)
        self.total.include(verdict)
        names = ", ".join(f"{one.kind} ({one.subject})" for one in deeds) or "no fault"
        names += f"; asked for {asked}" if asked else ""
        changes, records = sum(map(len, window.source.values())), len(window.records)
        seconds = time.monotonic() - began
        say(f"round {number:>3}  {seconds:5.1f} s  {changes} changes, {records} records; {names}: {verdict}")
        self.rounds.append(
            {
                "number": number,
                "seconds": round(seconds, 1),
                "faults": [one.kind for one in deeds],
                "changes": changes,
                "records": records,
                **verdict.counts,
            }
        )
        if not verdict.is_clean:
            self._tell_evidence(verdict, window, say)

    def _settle(self) -> "tuple[Verdict, Window]":
        verdict = Verdict()
        for what in self._world.ended:
            verdict.add("stuck", what)
        self._world.ended.clear()
        self._marked.write(next(self._workload.revs))
        self._settling.source()
        records = self._settling.topics(verdict)
        self._settling.target(verdict)
        is_broken = self._options.sabotage or not verdict.is_clean
        seconds = settling.DISAGREE_SECONDS if is_broken else settling.AGREE_SECONDS
        verdict.include(settling.agreement(self._source, self._target, self._namespaces, seconds))
        if self._definer:
            # Barriers that wait for a worker that was killed wait for its session to end, one after the other.
            seconds = settling.DISAGREE_SECONDS if is_broken else settling.ARRIVE_SECONDS
            verdict.include(definitions.agreement(self._source, self._target, self._keeps_expiry, seconds))
        self._claims.look("at the end of the round")
        positions, committed = self._claims.take()
        records += self._settling.rest(verdict, positions)
        target, checkpoints = self._watcher.take()
        claims = sorted([*checkpoints, *committed], key=lambda one: one.time)
        told = self._truth.take_definitions()
        window = Window(self._truth.take(), records, target, claims, positions, told, self._claims.since)
        verdict.include(self._checks.check(window))
        verdict.include(checking.dead_letters(self._topics.read_dead_letters(), self._is_plain))
        return verdict, window

    def _tell_evidence(self, verdict: Verdict, window: Window, say: Any) -> None:
        for one in verdict.findings[:12]:
            say(f"   {one.kind}: {one.what[:600]}")
        file = evidence.keep(self._world.folder, verdict, window, self._conductor.deeds)
        say(f"   evidence: {file}; logs of every process beside it")

    @property
    def writes(self) -> "Counter[str]":
        """What was written."""
        return self._workload.counts + (self._definer.counts if self._definer else Counter())

    def close(self) -> None:
        """Ends what looks on."""
        for tail in (self._truth.tail, self._watcher.tail):
            tail.stop()
            tail.join(timeout=15)
        self._topics.close()
