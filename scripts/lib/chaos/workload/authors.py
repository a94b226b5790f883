"""Threads that write. Each owns some documents of every namespace, so that what it believes of them is mostly right."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from random import Random
from typing import Any, Dict, Iterator, List, Optional, Tuple

from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from chaos.workload import documents, operations
from chaos.workload.exchanges import Holder, Scene, exchange
from chaos.workload.namespaces import Namespace

AUTHORS = 3
LARGEST_BATCH = 8
# Of a author's turns: several writes in one transaction over collections, an exchange of unique values, the rest plain batches.
TRANSACTIONS = 0.10
PAUSES, LONGEST_PAUSE_SECONDS = 0.004, 2.0
HOLDERS_AT_LEAST = 3
NO_LULL = (0.0, 0.0)
LOOK_AGAIN_SECONDS = 0.05


class Pool:
    """The documents of one namespace that one author owns, and whether it believes that they are there; None: who knows."""

    def __init__(self, namespace: Namespace, ids: List[Any], existing: "set[int]") -> None:
        self.namespace = namespace
        self.ids = ids
        self.there: List[Optional[bool]] = [at in existing for at in range(len(ids))]
        # Unique values that were given up.
        self.vacant: List[int] = []


class Author(threading.Thread):
    """One thread; writes between `go` and `pause`."""

    def __init__(self, client: MongoClient, pools: List[Pool], chance: Random, revs: Iterator[int], rate: float) -> None:
        super().__init__(name="author", daemon=True)
        self._client, self._pools, self._chance, self._revs = client, pools, chance, revs
        self._seconds = LARGEST_BATCH / 2 / rate
        self._may_write, self._idle, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._idle.set()
        self._lull = NO_LULL
        self.counts: "Counter[str]" = Counter()

    def go(self, lull: "Tuple[float, float]" = NO_LULL) -> None:
        """From now on, but for a lull: of the monotonic clock, from and to."""
        self._lull = lull
        self._idle.clear()
        self._may_write.set()

    def pause(self) -> None:
        """No longer; what is under way is waited for by `wait_idle`."""
        self._may_write.clear()

    def wait_idle(self, seconds: float) -> bool:
        """Whether nothing is under way any more."""
        return self._idle.wait(seconds)

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._may_write.set()

    def run(self) -> None:
        """Turn after turn."""
        while not self._stopping.is_set():
            if not self._may_write.is_set():
                self._idle.set()
                self._may_write.wait()
                continue
            if self._lull[0] <= time.monotonic() < self._lull[1]:
                self._stopping.wait(LOOK_AGAIN_SECONDS)
                continue
            self._turn()
            is_quiet = self._chance.random() < PAUSES
            self._stopping.wait(
                self._chance.uniform(0.5, LONGEST_PAUSE_SECONDS) if is_quiet else self._seconds * self._chance.uniform(0.5, 1.5)
            )

    def _turn(self) -> None:
        pool = self._chance.choices(self._pools, [one.namespace.weight for one in self._pools])[0]
        if pool.namespace.is_unique and self._chance.random() < 0.7:
            self._exchange(pool)
        elif self._chance.random() < TRANSACTIONS:
            self._transaction()
        else:
            writes, touched = self._writes(pool, 1 if pool.namespace.is_large else self._chance.randint(1, LARGEST_BATCH))
            self._carry_out([(pool, writes)], touched, None)

    def _writes(self, pool: Pool, count: int) -> "Tuple[List[Any], List[Tuple[Pool, int, bool]]]":
        writes, touched = [], []
        there = dict(enumerate(pool.there))
        for _ in range(count):
            at = self._chance.randrange(len(pool.ids))
            write, there[at] = self._write(pool, at, there[at])
            writes.append(write)
            touched.append((pool, at, bool(there[at])))
        return writes, touched

    def _write(self, pool: Pool, at: int, is_there: Optional[bool]) -> Tuple[Any, bool]:
        key, rev = pool.ids[at], next(self._revs)
        if is_there is None:
            return operations.restoration(pool.namespace, key, rev, self._chance), True
        if not is_there:
            return operations.insertion(pool.namespace, key, rev, self._chance), True
        return operations.change(pool.namespace, key, rev, self._chance)

    def _transaction(self) -> None:
        usual = [pool for pool in self._pools if not pool.namespace.is_large]
        pools = self._chance.sample(usual, self._chance.randint(2, 3))
        planned = [(pool, *self._writes(pool, self._chance.randint(1, 3))) for pool in pools]
        touched = [one for _, _, some in planned for one in some]
        writes = [(pool, some) for pool, some, _ in planned]
        self._at_once(writes, touched)

    def _exchange(self, pool: Pool) -> None:
        """Unique values change hands, in a transaction or write by write."""
        there = [at for at, is_there in enumerate(pool.there) if is_there]
        if len(there) < HOLDERS_AT_LEAST:
            return
        some = self._chance.sample(there, min(LARGEST_BATCH, len(there)))
        try:
            asked = {"_id": {"$in": [pool.ids[at] for at in some]}}
            found = {held["_id"]: held["u"] for held in self._in(pool).find(asked, {"u": 1})}
            holders = [Holder(at, pool.ids[at], found[pool.ids[at]]) for at in some]
        except (PyMongoError, KeyError):
            self._doubt([(pool, at, True) for at in some])
            return
        absent = [(at, pool.ids[at]) for at, is_there in enumerate(pool.there) if is_there is False]
        writes, there_then = exchange(Scene(pool.namespace, holders, absent, pool.vacant, self._revs, self._chance))
        touched = [(pool, at, is_there) for at, is_there in there_then.items()]
        self.counts["exchanges"] += 1
        if self._chance.random() < 0.5:
            self._carry_out([(pool, writes)], touched, None)
        else:
            self._at_once([(pool, writes)], touched)

    def _at_once(self, writes: "List[Tuple[Pool, List[Any]]]", touched: "List[Tuple[Pool, int, bool]]") -> None:
        try:
            with self._client.start_session() as session:
                session.with_transaction(lambda inside: self._send(writes, inside))
            self._believe(touched)
            self.counts["transactions"] += 1
        except PyMongoError:
            self._doubt(touched)

    def _carry_out(self, writes: Any, touched: Any, session: Any) -> None:
        try:
            self._send(writes, session)
            self._believe(touched)
        except PyMongoError:
            self._doubt(touched)

    def _send(self, writes: "List[Tuple[Pool, List[Any]]]", session: Any) -> None:
        for pool, some in writes:
            self._in(pool).bulk_write(some, ordered=True, session=session)
            self.counts["writes"] += len(some)

    def _in(self, pool: Pool) -> "Collection[Any]":
        return self._client[pool.namespace.db][pool.namespace.coll]

    def _believe(self, touched: "List[Tuple[Pool, int, bool]]") -> None:
        for pool, at, is_there in touched:
            pool.there[at] = is_there

    def _doubt(self, touched: "List[Tuple[Pool, int, bool]]") -> None:
        self.counts["doubts"] += 1
        for pool, at, _ in touched:
            pool.there[at] = None


class Workload:
    """All authors over all namespaces."""

    def __init__(self, client: MongoClient, namespaces: List[Namespace], seed: int, rate: float) -> None:
        self._client, self._namespaces, self._seed = client, namespaces, seed
        self.revs = itertools.count(1)
        chance = Random(f"ids {seed}")
        self.ids: Dict[str, List[Any]] = {
            one.name: documents.mixed_ids(one.most, chance) if one.has_mixed_ids else documents.numbered_ids(one.most)
            for one in namespaces
        }
        self.authors = [
            Author(client, self._pools(number), Random(f"author {number} {seed}"), self.revs, rate / AUTHORS)
            for number in range(AUTHORS)
        ]

    def _pools(self, author: int) -> List[Pool]:
        pools = []
        for one in self._namespaces:
            own = range(author, one.most, AUTHORS)
            existing = {at for at, number in enumerate(own) if number < one.existing}
            pools.append(Pool(one, [self.ids[one.name][number] for number in own], existing))
        return pools

    def seed_documents(self) -> None:
        """What exists before the pipeline starts."""
        chance = Random(f"existing {self._seed}")
        for one in self._namespaces:
            collection = self._client[one.db][one.coll]
            if one.is_unique:
                collection.create_index("u", unique=True)
            ids = self.ids[one.name][: one.existing]
            writes = [operations.insertion(one, key, next(self.revs), chance) for key in ids]
            # What is large goes in one by one: a command holds 48 MB.
            for some in [[write] for write in writes] if one.is_large else [writes]:
                collection.bulk_write(some)

    def start(self) -> None:
        """Starts the threads; they write between `go` and `pause`."""
        for author in self.authors:
            author.start()

    def go(self, lull: "Tuple[float, float]") -> None:
        """All write, but for a lull: seconds from now, from and to."""
        now = time.monotonic()
        for author in self.authors:
            author.go((now + lull[0], now + lull[1]))

    def pause(self, seconds: float) -> bool:
        """None writes any more; False when one did not come to an end in time."""
        for author in self.authors:
            author.pause()
        return all(author.wait_idle(seconds) for author in self.authors)

    def stop(self) -> None:
        """Ends the threads."""
        for author in self.authors:
            author.stop()

    @property
    def counts(self) -> "Counter[str]":
        """What was written, by kind."""
        return sum((author.counts for author in self.authors), Counter())
