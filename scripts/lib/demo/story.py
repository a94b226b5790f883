"""What the demo shows, in order."""

from __future__ import annotations

from demo.steps import copying, crash, ending, evolution, services, sharing
from demo.world import World


def tell(world: World) -> None:
    """All of it; returns only if all of it was seen."""
    services.show(world)
    copying.show(world)
    sharing.show(world)
    evolution.show(world)
    crash.show(world)
    if not world.options.keep:
        ending.show(world)
