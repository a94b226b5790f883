"""The thread that makes, changes, renames and drops collections and their indexes, and writes to them in between.

It has databases of its own, whose collections go by few names, so that a name means another collection soon. It believes nothing: what a write or a
change became is for the source to tell.
"""

from __future__ import annotations

import threading
from collections import Counter
from random import Random
from typing import Any, Callable, Iterator, List, Tuple

from pymongo import DeleteOne, InsertOne, MongoClient, UpdateOne
from pymongo.errors import PyMongoError

from chaos.workload import definitions
from chaos.workload.settings import DATABASES, HIDDEN

NAMES = ("c0", "c1", "c2", "c3")
LARGEST_BATCH = 12
# From one turn to the next.
PAUSE_SECONDS = (0.02, 0.25)


class Definer(threading.Thread):
    """Works between `go` and `pause`."""

    def __init__(self, client: MongoClient, seed: int, revs: Iterator[int], is_modern: bool) -> None:
        super().__init__(name="definer", daemon=True)
        self._client, self._chance, self._revs, self._is_modern = client, Random(f"definer {seed}"), revs, is_modern
        self._may_work, self._idle, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._idle.set()
        self.counts: "Counter[str]" = Counter()
        self._turns: List[Tuple[Callable[[], None], int]] = [
            (self._write, 50),
            (self._create, 10),
            (self._index, 10),
            (self._drop_index, 4),
            (self._modify_index, 5),
            (self._modify, 7),
            (self._drop, 6),
            (self._rename, 8),
            (self._out, 3),
            (self._hide, 3),
            (self._within, 3),
            (self._drop_database, 1),
            *([(self._cap, 2)] if is_modern else []),
        ]

    def begin(self) -> None:
        """What is there before the pipeline: the same, without a clock."""
        for _ in range(60):
            self._turn()

    def go(self) -> None:
        """From now on."""
        self._idle.clear()
        self._may_work.set()

    def pause(self) -> None:
        """No longer."""
        self._may_work.clear()

    def wait_idle(self, seconds: float) -> bool:
        """Whether nothing is under way any more."""
        return self._idle.wait(seconds)

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._may_work.set()

    def run(self) -> None:
        """Turn after turn."""
        while not self._stopping.is_set():
            if not self._may_work.is_set():
                self._idle.set()
                self._may_work.wait()
                continue
            self._turn()
            self._stopping.wait(self._chance.uniform(*PAUSE_SECONDS))

    def _turn(self) -> None:
        turns, weights = zip(*self._turns)
        turn = self._chance.choices(turns, weights)[0]
        try:
            turn()
            self.counts[turn.__name__.strip("_")] += 1
        except PyMongoError:
            self.counts["refused"] += 1

    def _database(self) -> Any:
        return self._client[self._chance.choices(DATABASES, (4, 1))[0]]

    def _some_name(self) -> str:
        return self._chance.choice(NAMES)

    def _mod(self, **what: Any) -> None:
        self._database().command({"collMod": self._some_name(), **what})

    def _write(self) -> None:
        self._database()[self._some_name()].bulk_write(self._writes(), ordered=False)

    def _writes(self) -> List[Any]:
        writes: List[Any] = []
        for _ in range(self._chance.randint(1, LARGEST_BATCH)):
            key, rev, kind = definitions.key(self._chance), next(self._revs), self._chance.random()
            if kind < 0.2:
                writes.append(DeleteOne({"_id": key}))
            elif kind < 0.6:
                writes.append(InsertOne(definitions.document(key, rev, self._chance, self._is_modern)))
            else:
                writes.append(UpdateOne({"_id": key}, {"$set": {"rev": rev, "n": rev % 100}}))
        return writes

    def _create(self) -> None:
        self._database().command({"create": self._some_name(), **definitions.options(self._chance, self._is_modern)})

    def _index(self) -> None:
        some = [definitions.index(self._chance) for _ in range(self._chance.choice([1, 1, 2]))]
        self._database().command({"createIndexes": self._some_name(), "indexes": some})

    def _drop_index(self) -> None:
        which = self._chance.choice(["one", "two", "three", "four", "five", "*"])
        self._database().command({"dropIndexes": self._some_name(), "index": which})

    def _modify_index(self) -> None:
        which = self._chance.choice(["one", "two", "three", "four", "five"])
        self._mod(index=definitions.change_of_index(self._chance, which))

    def _modify(self) -> None:
        self._mod(**definitions.validation(self._chance, is_whole=False))

    def _drop(self) -> None:
        self._database()[self._some_name()].drop()

    def _rename(self) -> None:
        """Onto a name that is free or not, now and then in the other database."""
        one = self._database().name
        other = one if self._chance.random() < 0.8 else self._database().name
        self._renamed(f"{one}.{self._some_name()}", f"{other}.{self._some_name()}")

    def _renamed(self, one: str, other: str) -> None:
        self._client.admin.command({"renameCollection": one, "to": other, "dropTarget": self._chance.random() < 0.8})

    def _out(self) -> None:
        stages = [{"$match": {"n": {"$gt": self._chance.randint(0, 60)}}}, {"$out": self._some_name()}]
        list(self._database()[self._some_name()].aggregate(stages))

    def _hide(self) -> None:
        """A collection goes out of what is carried, and another one comes in."""
        db = DATABASES[0]
        pair = [f"{db}.{self._some_name()}", f"{db}.{HIDDEN}"]
        self._chance.shuffle(pair)
        self._renamed(*pair)

    def _within(self) -> None:
        """Collections that are made in a transaction."""
        database, name = self._database(), self._some_name()
        other = self._database()[self._some_name()]
        with self._client.start_session() as session:
            with session.start_transaction():
                database[name].insert_one(definitions.document(definitions.key(self._chance), next(self._revs), self._chance, self._is_modern), session=session)
                other.update_many({"rev": {"$gt": 0}}, {"$set": {"rev": next(self._revs)}}, session=session)

    def _cap(self) -> None:
        """A collection becomes one that drops its oldest documents."""
        self._database().command({"convertToCapped": self._some_name(), "size": self._chance.choice([4096, 65536])})

    def _drop_database(self) -> None:
        self._client.drop_database(DATABASES[1])

