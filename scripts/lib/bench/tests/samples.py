"""Cases and parts as a run would give them."""

from bench import results
from bench.cases import WORKLOADS
from bench.results import Case, Measured
from bench.run import Taken
from bench.store import Part
from bench.usage import Usage

MACHINE = {
    "cpu": "2 x X", "memory": "4 GiB", "system": "Linux 6", "mongodb": "6.0.5", "kafka": "4.1.2", "mongodb connector": "2", "debezium": "3",
}


def workload(name):
    return next(one for one in WORKLOADS if one.name == name)


def case(of, system, rate):
    cpu, memory = {"producer": 1.5, "broker": 2.0}, {"producer": 60.0, "broker": 400.0}
    return Case(of, system, rate, rate / 1000, cpu, {}, memory, kafka_bytes_per_event=500.0, runs=[rate])


def latency(system, p99, of="latency-2000"):
    taken = Taken(20.0, {"producer": Usage(2.0, 60.0)}, {"p50_ms": 1.0, "p99_ms": p99, "p999_ms": 30.0})
    return results.case(workload(of), system, [Measured(taken, 0, None)])


def point(of, at, rate, cost=3.0):
    return Case(of, "oplogue", rate, rate / 1000, {"producer": cost, "worker": 2.0}, {}, {"producer": 60.0}, runs=[rate], at=at)


def part(of, cases, commit="abc", failed=None):
    load = {"before the run": 0.5}
    return Part(of, "2026-01-02 03:04 UTC", commit, False, 3, MACHINE, load, failed or {}, cases)
