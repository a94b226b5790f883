"""Step 2: two workers share the partitions; what the allowlist does not name stays behind."""

from __future__ import annotations

from demo.configuration import NAMESPACE, PARTITIONS
from demo.expectation import Look, require
from demo.world import World

WORKERS = ("worker-1", "worker-2")
OWNED = "oplogue_worker_assigned_partitions"


def show(world: World) -> None:
    """Starts the workers, compares both sides."""
    world.heading("2  Two workers, every field but age")
    for name in WORKERS:
        world.start("worker", name)
    world.seen(shared(world))
    world.eventually("the target has what the source has, without age", world.sides.look)
    aged = world.sides.target.count_documents({"age": {"$exists": True}})
    require("no document of the target has age", [f"{aged} have"] if aged else [])
    count = world.sides.target.count_documents({})
    expected = world.options.users
    require(f"the target has {expected} users", [f"it has {count}"] if count != expected else [])
    world.seen(f"target: {count} users, none with age; every document compared, bit by bit: no difference")


def shared(world: World) -> str:
    """Waits until each worker owns partitions, and all are owned; tells who owns how many."""

    def look() -> Look:
        owned = {name: int(world.pipeline.parts[name].metric(OWNED) or 0) for name in WORKERS}
        told = ", ".join(f"{name} {count}" for name, count in owned.items())
        return Look(all(owned.values()) and sum(owned.values()) == PARTITIONS, told)

    owned = world.eventually(f"the workers share the {PARTITIONS} partitions of {NAMESPACE}", look)
    return f"workers share the {PARTITIONS} partitions of {NAMESPACE}: {owned}"
