"""What `up` is asked for, as values; says nothing of how it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

REPLICA_SETS = ("source", "target")
STANDALONE = "standalone"
KAFKA = "kafka"
CONNECT = "connect"
SERVICES = (*REPLICA_SETS, STANDALONE, KAFKA, CONNECT)
USUAL_SERVICES = (*REPLICA_SETS, KAFKA)

V = TypeVar("V")


@dataclass
class Scoped(Generic[V]):
    """An option that may be given for one deployment (`target:5.0`) or for all (`5.0`); None means for all."""

    given: list[tuple[str | None, V]] = field(default_factory=list)

    def one(self, name: str) -> V | None:
        """The last value given for `name` itself, else the last given for all."""
        own = [value for scope, value in self.given if scope == name]
        general = [value for scope, value in self.given if scope is None]
        values = own or general
        return values[-1] if values else None

    def every(self, name: str) -> list[V]:
        """All values that hold for `name`."""
        return [value for scope, value in self.given if scope in (None, name)]


@dataclass
class Request:
    """What `up` was asked for; None where it was not."""

    services: list[str]
    mongo: Scoped[str]
    members: Scoped[int]
    oplog_mb: Scoped[int]
    parameters: Scoped[str]
    broker_properties: dict[str, str]
    cache_gb: float
    heap_mb: int
    connect_heap_mb: int
    auth: bool
    fast: bool
