"""What a large site would need: arithmetic from what was measured, so that no number stands anywhere by hand (docs/sizing.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List

WORKLOAD = "drain-users"
OURS, SOURCE = "oplogue", "oplogue-source"
# What is left free: a process at its limit falls behind at the first peak.
LOAD = 0.7
HOURS = 24

Document = Dict[str, Any]


class Missing(Exception):
    """A figure that was not measured yet."""


@dataclass(frozen=True)
class Figures:
    """Of one event of the workload, and of one process."""

    producer_us: float
    worker_us: float
    broker_us: float
    kafka_bytes: float
    # One change stream through one producer, per second.
    stream_per_s: float
    producer_mb: float
    worker_mb: float
    # Shares of a core when nothing is written.
    idle_producer: float
    idle_worker: float


@dataclass(frozen=True)
class Site:
    """What there is: cores for producers and workers and brokers together, and sources."""

    cores: int
    shards: int


@dataclass(frozen=True)
class Need:
    """What it comes to."""

    events_per_s: float
    events_per_s_of_shard: float
    is_bound_by_streams: bool
    producer_cores: float
    worker_cores: float
    broker_cores: float
    workers: int
    partitions: int
    producer_mb: float
    worker_mb: float
    kafka_mb_per_s: float
    kafka_gb_per_day: float
    idle_cores: float


def figures(document: Document) -> Figures:
    """What the results say."""
    ours, source, idle = _case(document, WORKLOAD, OURS), _case(document, WORKLOAD, SOURCE), _case(document, "idle", OURS)
    cpu, memory, share = ours["cpu_s_per_million"], ours["peak_rss_mb"], idle["cpu_share"]
    return Figures(
        producer_us=cpu["producer"],
        worker_us=cpu["worker"],
        broker_us=cpu["broker"],
        kafka_bytes=ours["kafka_bytes_per_event"],
        stream_per_s=source["events_per_s"],
        producer_mb=memory["producer"],
        worker_mb=memory["worker"],
        idle_producer=share["producer"],
        idle_worker=share["worker"],
    )


def _case(document: Document, workload: str, system: str) -> Dict[str, Any]:
    for case in document["cases"]:
        if (case["workload"], case["system"]) == (workload, system):
            return case
    raise Missing(f"{workload} has not been measured for {system}: scripts/bench --only {workload}")


def need(of: Figures, site: Site) -> Need:
    """The most that the site carries, and what that takes."""
    by_cores = site.cores * LOAD * 1e6 / (of.producer_us + of.worker_us + of.broker_us)
    by_streams = site.shards * LOAD * of.stream_per_s
    events = min(by_cores, by_streams)
    workers = max(1, math.ceil(events * of.worker_us / 1e6 / LOAD))
    return Need(
        events_per_s=events,
        events_per_s_of_shard=events / site.shards,
        is_bound_by_streams=by_streams < by_cores,
        producer_cores=events * of.producer_us / 1e6,
        worker_cores=events * of.worker_us / 1e6,
        broker_cores=events * of.broker_us / 1e6,
        workers=workers,
        partitions=2 * workers,
        producer_mb=site.shards * of.producer_mb,
        worker_mb=workers * of.worker_mb,
        kafka_mb_per_s=events * of.kafka_bytes / 1e6,
        kafka_gb_per_day=events * of.kafka_bytes * 3600 * HOURS / 1e9,
        idle_cores=site.shards * of.idle_producer + workers * of.idle_worker,
    )


def text(document: Document, site: Site) -> str:
    """For people; what is missing, if something is."""
    try:
        found = figures(document)
    except Missing as missing:
        return f"There are no results yet to compute from: {missing}"
    return "\n".join([*_measured(document, found), "", *_needed(site, need(found, site))])


def _measured(document: Document, found: Figures) -> List[str]:
    part = document["measured"][WORKLOAD]
    return [
        f"Measured with `{WORKLOAD}`, {part['date']}, commit {part['commit']}, on {part['machine']['cpu']}:",
        "",
        "| | |",
        "|---|---:|",
        f"| p, CPU of the producer | {found.producer_us:.2f} µs per event |",
        f"| w, CPU of the worker | {found.worker_us:.2f} µs per event |",
        f"| b, CPU of the broker | {found.broker_us:.2f} µs per event |",
        f"| k, bytes in Kafka | {found.kafka_bytes:.0f} per event |",
        f"| r, one stream through one producer | {found.stream_per_s:,.0f} events/s |",
        f"| Mp, memory of a producer | {found.producer_mb:.0f} MB |",
        f"| Mw, memory of a worker | {found.worker_mb:.0f} MB |",
        f"| ip, iw, idle producer and worker | {found.idle_producer:.4f}, {found.idle_worker:.4f} of a core |",
    ]


def _needed(site: Site, found: Need) -> List[str]:
    bound = "the change streams" if found.is_bound_by_streams else "the cores"
    return [
        f"{site.shards} sources, {site.cores} cores for producers, workers and brokers, {LOAD:.0%} of each used:",
        "",
        "| | |",
        "|---|---:|",
        f"| E, most events, bound by {bound} | {found.events_per_s:,.0f}/s, {found.events_per_s_of_shard:,.0f}/s of each source |",
        f"| producers | {site.shards}, {found.producer_cores:.1f} cores, {found.producer_mb:,.0f} MB |",
        f"| workers | {found.workers}, {found.worker_cores:.1f} cores, {found.worker_mb:,.0f} MB |",
        f"| brokers | {found.broker_cores:.1f} cores for each replica |",
        f"| partitions of the busiest topics | {found.partitions} or more |",
        f"| into Kafka | {found.kafka_mb_per_s:,.1f} MB/s, {found.kafka_gb_per_day:,.0f} GB a day, times the replicas |",
        f"| when nothing is written | {found.idle_cores:.2f} cores |",
    ]
