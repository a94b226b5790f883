"""What `up` is asked for, as values; says nothing of how it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, Generic, List, Optional, Tuple, TypeVar

REPLICA_SETS = ("source", "target")
STANDALONE = "standalone"
KAFKA = "kafka"
SERVICES = (*REPLICA_SETS, STANDALONE, KAFKA)
USUAL_SERVICES = (*REPLICA_SETS, KAFKA)

V = TypeVar("V")


@dataclass
class Scoped(Generic[V]):
    """An option that may be given for one deployment (`target:5.0`) or for all (`5.0`); None means for all."""

    given: List[Tuple[Optional[str], V]] = field(default_factory=list)

    def one(self, name: str) -> Optional[V]:
        """The last value given for `name` itself, else the last given for all."""
        own = [value for scope, value in self.given if scope == name]
        general = [value for scope, value in self.given if scope is None]
        return (own or general or [None])[-1]

    def every(self, name: str) -> List[V]:
        """All values that hold for `name`."""
        return [value for scope, value in self.given if scope in (None, name)]


@dataclass
class Request:
    """What `up` was asked for; None where it was not."""

    services: List[str]
    mongo: Scoped[str]
    members: Scoped[int]
    oplog_mb: Scoped[int]
    parameters: Scoped[str]
    broker_properties: Dict[str, str]
    cache_gb: float
    heap_mb: int
    auth: bool
    fast: bool
