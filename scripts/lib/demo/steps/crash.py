"""Step 4: the producer and a worker are killed amid writes; nothing is missing and nothing is doubled."""

from __future__ import annotations

from typing import Any, List

from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from demo import audit
from demo.configuration import NAMESPACE, PIPELINE
from demo.expectation import Look, require
from demo.records import Record
from demo.steps import sharing
from demo.users import Generator
from demo.world import World

KILLED = ("producer", "worker-1")
FIRST_NEWCOMER = 1_000_000
DEAD_LETTERS = f"oplogue.{PIPELINE}.dead-letters"


def show(world: World) -> None:
    """Kills amid writes, starts again, compares, and reads the whole topic once more."""
    world.heading("4  SIGKILL amid writes")
    planned = writes(world.generator, [one["_id"] for one in world.sides.source.find({}, {"_id": 1}).sort("_id", 1)])
    half = len(planned) // 2
    _write(world, planned[:half])
    for name in KILLED:
        world.pipeline.parts[name].kill()
    _write(world, planned[half:])
    world.seen(f"{' and '.join(KILLED)} killed; {half} writes just before, {len(planned) - half} while they were gone")
    for name in KILLED:
        world.pipeline.start_again(name)
    counts = world.eventually("the writes made meanwhile arrive", world.sides.look)
    world.seen(f"started again, all arrived: {counts}")
    world.seen(sharing.shared(world))
    _audit(world)


def _write(world: World, some: List[Any]) -> None:
    done = world.sides.source.bulk_write(some)
    world.changes += done.inserted_count + done.modified_count + done.deleted_count


def writes(generator: Generator, there: List[int]) -> List[Any]:
    """A mixture, in an order by chance: what is inserted is new, everything else is about somebody who is there."""
    chosen = generator.shuffled(generator.some(there, 30))
    deleted, replaced, others = chosen[:5], chosen[5:10], chosen[10:]
    newcomers = generator.users_with_sex(30, FIRST_NEWCOMER)
    mixed: List[Any] = [InsertOne(one) for one in newcomers]
    mixed += [DeleteOne({"_id": number}) for number in deleted]
    mixed += [ReplaceOne({"_id": number}, person) for number in replaced for person in generator.users_with_sex(1, number)]
    mixed += [UpdateOne({"_id": number}, {"$set": {"age": generator.age()}}) for number in others]
    mixed += [UpdateOne({"_id": number}, {"$push": {"tags": "late"}}) for number in others]
    mixed += [UpdateOne({"_id": number}, {"$unset": {"sex": ""}, "$set": {"email": f"{number}@example.org"}}) for number in others]
    return generator.shuffled(mixed)


def _audit(world: World) -> None:
    """What the topic itself proves, read by somebody who knows nothing of the pipeline."""
    records = _whole_topic(world)
    last = max(record.sequence for record in records)
    require("sequence numbers are contiguous, none doubled", audit.wrong_sequence(records))
    require("within a partition, sequence and cluster time never go back", audit.wrong_order(records))
    require("every key and value is canonical Extended JSON, the key is the documentKey", audit.wrong_documents(records))
    require("every document stays in one partition", audit.wandering_keys(records))
    letters = world.kcat.read_committed(DEAD_LETTERS)
    require("no dead letters", [f"{len(letters)} of them"] if letters else [])
    world.seen(
        f"topic: {world.options.users} copied + {world.changes} changes = {len(records)} records,"
        f" seq 1 to {last.number} without gap or double"
    )
    world.screen.detail(_told(records))


def _whole_topic(world: World) -> List[Record]:
    """One record for each copied document and each change that the source confirmed; no more and no less."""
    expected = world.options.users + world.changes
    records: List[Record] = []

    def look() -> Look:
        # The target can agree before the last record is there: a change of `age` alone makes no difference to it.
        records[:] = world.kcat.read_committed(NAMESPACE)
        return Look(len(records) >= expected, f"{len(records)} records")

    what = f"one record for each of {world.options.users} copied documents and {world.changes} changes"
    world.eventually(what, look)
    require(what, [f"{len(records)} records"] if len(records) != expected else [])
    return records


def _told(records: List[Record]) -> str:
    counted = audit.operations(records)
    kinds = {"insert": "", "update": f" ({counted['truncation']} truncating an array)", "replace": "", "delete": ""}
    told = ", ".join(f"{counted[kind]} {kind}{more}" for kind, more in kinds.items())
    return f"{told}; no dead letters"
