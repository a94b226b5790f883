"""What is measured of a system that runs: latency at a fixed rate, and what it costs when nothing is written."""

from __future__ import annotations

import time
from typing import Callable, List, Tuple

from bench.run import Run, Taken
from bench.usage import Meter

# After the last change: until it is quiet.
SETTLE_SECONDS = 5.0


def measure(run: Run, pids: Callable[[], List[Tuple[str, int]]], alive: Callable[[], None]) -> Taken:
    """Once changes flow. `pids` names the system's own processes; `alive` fails when one has ended."""
    run.bring_to_life(alive)
    time.sleep(SETTLE_SECONDS)
    meter, began = Meter([*run.world.services.pids(), *pids()]), time.monotonic()
    percentiles = {}
    if run.workload.way == "latency":
        percentiles = run.latency()
    else:
        time.sleep(run.workload.seconds)
    return Taken(time.monotonic() - began, meter.read(), percentiles)
