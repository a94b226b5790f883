"""The systems that are measured: each carries a workload from the source and says when it is done."""

from __future__ import annotations

from bench.cases import Workload
from bench.floor import Floor
from bench.ours import Oplogue
from bench.peers import PEERS

BY_NAME = {
    "oplogue": Oplogue(True),
    "oplogue-source": Oplogue(False),
    **PEERS,
    "floor": Floor(False),
    "floor-kafka": Floor(True),
}


def carries(system: str, workload: Workload) -> bool:
    """Whether a workload says something of a system: what ends in Kafka shows nothing at the target, the floor has nothing to start."""
    is_floor = system.startswith("floor")
    if workload.is_live:
        return system == "oplogue" or "pair" in system or is_floor
    return workload.is_carried or not is_floor
