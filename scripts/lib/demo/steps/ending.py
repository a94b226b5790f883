"""Step 5: everything ends when asked to, in good order."""

from __future__ import annotations

from demo.expectation import require
from demo.world import World


def show(world: World) -> None:
    """Ends producer and workers with SIGTERM, then the services."""
    world.heading("5  SIGTERM")
    world.pipeline.require_running()
    with world.screen.waiting("producer and workers drain and end"):
        statuses = world.pipeline.stop()
    require("exit status 0 after SIGTERM", [f"{name} ended with {status}" for name, status in statuses.items() if status != 0])
    world.pipeline.forget()
    world.stop_services()
    world.seen(f"{', '.join(statuses)} ended with exit status 0; the services are stopped")
