"""Values of a unique index that wander between documents: in an order that the source takes, and that no order by partition has.

Each exchange is a list of writes, to be carried out one after the other. Documents of one author lie in all partitions, so a value is
given up in one and taken in another.
"""

from __future__ import annotations

from random import Random
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

from pymongo import DeleteOne, UpdateOne

from chaos.workload import operations
from chaos.workload.namespaces import Namespace

# Of a cycle: two documents swap, more pass their values on.
LONGEST_CYCLE = 4


class Holder(NamedTuple):
    """A document that is there: its number among the author's, its `_id`, its value."""

    at: int
    key: Any
    u: int


class Scene(NamedTuple):
    """What an exchange may use."""

    namespace: Namespace
    holders: List[Holder]
    # Documents that are not there: number and `_id`.
    absent: List[Tuple[int, Any]]
    # Values that were given up.
    vacant: List[int]
    revs: Iterator[int]
    chance: Random


# Writes, and which documents are there afterwards.
Exchange = Tuple[List[Any], Dict[int, bool]]


def cycle(scene: Scene) -> Exchange:
    """Some documents pass their values on in a circle; the first one steps aside meanwhile."""
    some = scene.chance.sample(scene.holders, min(scene.chance.randint(2, LONGEST_CYCLE), len(scene.holders)))
    first, *others = some
    writes = [_take(scene, first.key, _aside(scene))]
    writes += [_take(scene, taker.key, giver.u) for giver, taker in zip(some, others)]
    return [*writes, _take(scene, first.key, some[-1].u)], {one.at: True for one in some}


def succession(scene: Scene) -> Exchange:
    """A document goes, and one of another `_id` comes with its value; now and then back again."""
    leaver, (at, key) = scene.chance.choice(scene.holders), scene.chance.choice(scene.absent)
    writes = [DeleteOne({"_id": leaver.key}), _insert(scene, key, leaver.u)]
    if scene.chance.random() < 0.6:
        return writes, {leaver.at: False, at: True}
    return [*writes, DeleteOne({"_id": key}), _insert(scene, leaver.key, leaver.u)], {leaver.at: True, at: False}


def loan(scene: Scene) -> Exchange:
    """A value is given up, taken by another document, given up again, and taken back."""
    owner, borrower = scene.chance.sample(scene.holders, 2)
    writes = [_take(scene, owner.key, _aside(scene)), _take(scene, borrower.key, owner.u)]
    writes += [_take(scene, borrower.key, borrower.u), _take(scene, owner.key, owner.u)]
    return writes, {owner.at: True, borrower.at: True}


def leaving(scene: Scene) -> Exchange:
    """A value is given up, to be taken some other time."""
    one = scene.chance.choice(scene.holders)
    scene.vacant.append(one.u)
    return [_take(scene, one.key, _aside(scene))], {one.at: True}


def return_of(scene: Scene) -> Exchange:
    """A value that was given up some time ago is taken."""
    one, u = scene.chance.choice(scene.holders), scene.vacant.pop(scene.chance.randrange(len(scene.vacant)))
    scene.vacant.append(one.u)
    return [_take(scene, one.key, u)], {one.at: True}


def exchange(scene: Scene) -> Exchange:
    """One of them; at least two documents have to be there."""
    kinds: List[Callable[[Scene], Exchange]] = [cycle, cycle, loan, leaving]
    kinds += [succession] if scene.absent else []
    kinds += [return_of, return_of] if scene.vacant else []
    return scene.chance.choice(kinds)(scene)


def _aside(scene: Scene) -> int:
    """A value that no other document ever has."""
    return -next(scene.revs)


def _take(scene: Scene, key: Any, u: int) -> UpdateOne:
    return UpdateOne({"_id": key}, {"$set": {"rev": next(scene.revs), "u": u}})


def _insert(scene: Scene, key: Any, u: int) -> Any:
    return operations.insertion(scene.namespace, key, next(scene.revs), scene.chance, u)
