"""One run of one case: what is written to the source, and when the target has it all."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, Optional

from stack.failure import Failure

from bench.cases import Workload
from bench.usage import Usage
from bench.world import World

COLLECTION = "c"
# What brings a stream to life must be through before anything is measured.
LIVE_SECONDS = 120.0


@dataclass(frozen=True)
class Taken:
    """What a run has taken."""

    seconds: float
    used: Dict[str, Usage]
    # Milliseconds, of latency runs.
    percentiles: Dict[str, Any] = field(default_factory=dict)
    # Seconds until each process was ready, of runs that are about that.
    starts: Dict[str, float] = field(default_factory=dict)


class Unsustained(Exception):
    """A system does not keep up with the rate of a latency workload: a result, too."""


class Run:
    """Names of its own, so that it shares nothing with the run before."""

    def __init__(self, world: World, workload: Workload, name: str) -> None:
        self.world, self.workload, self.name = world, workload, name
        self.bytes = 0
        self._wanted: Optional[int] = None

    def load(self) -> None:
        """Writes the workload to the source; of several, an equal part to each."""
        one = self.workload
        uris = self.world.services.sources(one.setting.sources)
        self.bytes = sum(self._load(uri, number, one.kind, one.events // len(uris), one.there) for number, uri in enumerate(uris))

    def load_before(self) -> None:
        """Writes what changes will find; at the target too, as if it had been carried."""
        if self.workload.there:
            for number, uri in enumerate(self.world.services.sources(self.workload.setting.sources)):
                for side in (uri, self.world.uris["target"]):
                    self._load(side, number, "inserts", self.workload.there, 0)

    def _load(self, uri: str, source: int, kind: str, count: int, there: int) -> int:
        """Bytes. Each source has a collection of its own."""
        one = self.workload
        words = ["load", "--uri", uri, "--db", self.name, "--coll", COLLECTION + (str(source) if source else "")]
        words += ["--kind", kind, "--shape", one.shape, "--bytes", str(one.bytes), "--collections", str(one.setting.collections)]
        words += ["--count", str(count), "--there", str(max(there, 1)), "--first", str(there)]
        return self.world.tool(*words)["bytes"]

    def is_applied(self) -> bool:
        """Whether the target has all of it: as many documents, and where documents were changed, the changes."""
        if self._documents() != self.expected():
            return False
        if self.workload.kind not in ("mixed", "hot"):
            return True
        if self._wanted is None:
            self._wanted = self._rounds("source")
        return self._rounds("target") == self._wanted

    def expected(self) -> int:
        """Documents that the target has in the end."""
        one = self.workload
        there = one.there * one.setting.sources
        return there + {"inserts": one.events, "mixed": one.events // 2, "hot": 0, "deletes": -there}[one.kind]

    def _documents(self) -> int:
        """That the target has now."""
        if self.workload.setting.is_one_collection:
            return self._collection("target").estimated_document_count()
        return int(self.world.clients["target"][self.name].command("dbStats")["objects"])

    def _rounds(self, side: str) -> int:
        """The sum of what every change has set."""
        found = list(self._collection(side).aggregate([{"$group": {"_id": None, "sum": {"$sum": "$round"}}}]))
        return found[0]["sum"] if found else 0

    def _collection(self, side: str) -> Any:
        return self.world.clients[side][self.name][COLLECTION]

    def write_one(self) -> None:
        """Writes one document to the source."""
        self._collection("source").insert_one({})

    def bring_to_life(self, alive: Callable[[], None]) -> None:
        """Writes to the source until the target has the last of it: what came before a stream began never comes."""
        deadline, written = time.monotonic() + LIVE_SECONDS, 0
        while not written or not self._has("target", -written):
            alive()
            if time.monotonic() > deadline:
                raise Failure(f"{self.name}: nothing flows within {LIVE_SECONDS:.0f} s")
            written += 1
            self._collection("source").insert_one({"_id": -written})
            time.sleep(1)

    def _has(self, side: str, number: int) -> bool:
        return self._collection(side).find_one({"_id": number}) is not None

    def latency(self) -> Dict[str, Any]:
        """Writes at the workload's rate and watches the target."""
        words = ["latency", "--source", self.world.uris["source"], "--target", self.world.uris["target"], "--db", self.name]
        try:
            return self.world.tool(*words, "--rate", str(self.workload.rate), "--seconds", str(self.workload.seconds))
        except subprocess.CalledProcessError as error:
            raise Unsustained((error.stderr.strip().splitlines() or ["it ended"])[0]) from error
