"""Step 3: the schema evolves at the source, and the target follows each change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List

from pymongo import UpdateOne
from pymongo.collection import Collection

from demo.expectation import require
from demo.users import Generator
from demo.world import World

NEWCOMERS = 20
TAGGED = 10
# By which a fact begins further to the right than a heading.
INDENT = 4
TITLE = "3  The schema evolves, the target follows"


@dataclass(frozen=True)
class Cast:
    """Who takes part: chosen once, so that no change undoes what another shows."""

    old: List[int]
    replaced: int
    deleted: int
    tagged: List[int]


def show(world: World) -> None:
    """Makes each change, waits for the target, tells the counts and the difference."""
    generator, source = world.generator, world.sides.source
    cast = _cast(generator, world.options.users)
    world.heading(_columns(TITLE, "source", "target", "difference", INDENT))
    for what, change in _changes(generator, source, cast).items():
        changed = change()
        require(what, [] if changed else ["nothing changed at the source"])
        world.changes += changed
        world.eventually(f"the target follows: {what.lstrip('… ')}", world.sides.look)
        counts = [str(side.count_documents({})) for side in (source, world.sides.target)]
        world.seen(_columns(what, *counts, "none"))
    require("every user of the target has sex", _without_sex(world.sides.target))
    for line in world.sides.side_by_side(cast.tagged[0]):
        world.screen.detail(line)


def _cast(generator: Generator, users: int) -> Cast:
    old = list(range(1, users + 1))
    replaced, deleted, *tagged = generator.some(old, TAGGED + 2)
    return Cast(old, replaced, deleted, tagged)


def _changes(generator: Generator, source: "Collection[Any]", cast: Cast) -> Dict[str, Callable[[], int]]:
    """Each change by its name; it returns how many documents it changed."""
    first = len(cast.old) + 1
    tagged = {"_id": {"$in": cast.tagged}}

    def give_sex() -> int:
        sexes = generator.sexes(cast.old).items()
        return source.bulk_write([UpdateOne({"_id": one}, {"$set": {"sex": sex}}) for one, sex in sexes]).modified_count

    def replace() -> int:
        person = next(generator.users_with_sex(1, cast.replaced))
        return source.replace_one({"_id": cast.replaced}, {**person, "email": "someone.else@example.org"}).modified_count

    def tag() -> int:
        return source.bulk_write(
            [UpdateOne({"_id": one}, {"$set": {"tags": generator.tags()}}) for one in cast.tagged]
        ).modified_count

    def pull() -> int:
        first_tags = {one["_id"]: one["tags"][0] for one in source.find(tagged)}
        return source.bulk_write([UpdateOne({"_id": one}, {"$pull": {"tags": word}}) for one, word in first_tags.items()]).modified_count

    # An update by pipeline is logged as a difference; it is what truncates arrays in change events (5.0 and newer).
    shorten = [{"$set": {"tags": {"$slice": ["$tags", 2]}}}]
    return {
        f"{NEWCOMERS} new users carry sex": lambda: len(
            source.insert_many(list(generator.users_with_sex(NEWCOMERS, first))).inserted_ids
        ),
        f"{len(cast.old)} old users get it by update": give_sex,
        "one is replaced": replace,
        "one is deleted": lambda: source.delete_one({"_id": cast.deleted}).deleted_count,
        f"an array field, tags, appears on {TAGGED}": tag,
        "… is pushed to": lambda: source.update_many(tagged, {"$push": {"tags": "new"}}).modified_count,
        "… is pulled from": pull,
        "… is truncated": lambda: source.update_many(tagged, shorten).modified_count,
    }


def _without_sex(target: "Collection[Any]") -> List[str]:
    return [f"_id {one['_id']} has none" for one in target.find({"sex": {"$exists": False}}, {"_id": 1}).limit(4)]


def _columns(what: str, source: str, target: str, difference: str, more: int = 0) -> str:
    return f"{what:<{40 + more}}{source:>8}{target:>8}   {difference}"
