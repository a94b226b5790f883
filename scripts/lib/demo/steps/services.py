"""Step 0: binaries and services, all of them private to this run."""

from __future__ import annotations

from demo.world import World


def show(world: World) -> None:
    """Builds what is not built, starts source, target and broker."""
    options = world.options
    world.heading("Oplogue, from end to end", f"{options.users} users, seed {options.seed}")
    world.build()
    world.start_services()
    kafka, sides = world.stack.kafka, world.stack.deployments
    told = [f"{name} MongoDB {one.version} :{one.members[0].ports[0]}" for name, one in sides.items()]
    assert kafka is not None
    world.seen(" · ".join([*told, f"Kafka {kafka.version or ''} :{kafka.brokers.rpartition(':')[2]}"]))
