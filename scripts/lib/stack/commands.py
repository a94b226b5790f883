"""One function per subcommand: from parsed arguments to what is printed and the exit code."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stack import (
    arguments,
    cache,
    connect_home,
    corpus,
    environment,
    kafka_home,
    lifecycle,
    mongod,
    prerequisites,
    report,
    service,
    state,
    versions,
)
from stack.failure import Failure, WrongUsage, say


def run(given: argparse.Namespace) -> int:
    """Carries out a parsed command line."""
    return COMMANDS[given.command](given)


def _up(given: argparse.Namespace) -> int:
    began = time.monotonic()
    stack, started = lifecycle.up(given.name, arguments.request(given))
    if given.json:
        _print_json(report.document(stack))
        return 0
    news = f"is up ({time.monotonic() - began:.1f} s)" if started else "was up already"
    print("\n".join([f"stack {stack.name!r} {news}", "", *report.summary_lines(stack)]))
    return 0


def _status(given: argparse.Namespace) -> int:
    services = report.status(lifecycle.existing(given.name))
    if given.json:
        _print_json(services)
    else:
        print("\n".join(report.status_lines(services)))
    return 0 if report.is_well(services) else 1


def _env(given: argparse.Namespace) -> int:
    stack = lifecycle.existing(given.name)
    if given.json:
        _print_json(report.document(stack))
    else:
        print(report.exports(stack))
    return 0


def _logs(given: argparse.Namespace) -> int:
    stack = lifecycle.existing(given.name)
    chosen = [stack.service(given.service)] if given.service else stack.services
    if given.follow:
        sys.stdout.flush()
        os.execvp("tail", ["tail", f"--lines={given.lines}", "-F", *(one.log for one in chosen)])
    for one in chosen:
        title = [] if given.service else [f"==> {one.log} <=="]
        print("\n".join([*title, service.tail(one, given.lines)]))
    return 0


def _list(_: argparse.Namespace) -> int:
    for name in state.names():
        print(name)
    return 0


def _down(given: argparse.Namespace) -> int:
    found = lifecycle.down(given.name, given.keep_data, given.only)
    kept = ", its data kept" if given.keep_data else ""
    if found and given.only:
        say(f"of stack {given.name!r} {', '.join(given.only)} is down{kept}")
        return 0
    say(f"stack {given.name!r} is down{kept}" if found else f"stack {given.name!r} was not up")
    return 0


def _kill(given: argparse.Namespace) -> int:
    one = lifecycle.kill(given.name, given.service, arguments.SIGNALS[given.signal])
    say(f"{one.name} is {one.condition.value}")
    return 0


def _start(given: argparse.Namespace) -> int:
    began = time.monotonic()
    one = lifecycle.start(given.name, given.service)
    say(f"{one.name} serves on {one.address} ({time.monotonic() - began:.1f} s)")
    return 0


def _fetch(given: argparse.Namespace) -> int:
    unknown = [item for item in given.items if item not in arguments.ITEMS]
    if unknown:
        raise WrongUsage(f"unknown: {', '.join(unknown)}; choose from {', '.join(arguments.ITEMS)}")
    for item in given.items or arguments.ITEMS:
        for name, path in _fetched(item, given):
            print(f"{name:<16}{cache.mebibytes(_size(path)):>11}  {path}", flush=True)
    return 0


def _fetched(item: str, given: argparse.Namespace) -> list[tuple[str, Path]]:
    if item == "mongod":
        servers = [mongod.fetch(version) for version in given.mongo or versions.load().servers]
        return [(f"mongod {one.version}", one.path.parent) for one in servers]
    if item == "kafka":
        return [("kafka", kafka_home.fetch())]
    if item == "connect":
        return [("connect", connect_home.fetch()), ("connectors", connect_home.fetch_plugins())]
    if item == "corpus":
        return [("bson_corpus", corpus.fetch())]
    return [("kcat", _kcat())]


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())


def _which(given: argparse.Namespace) -> int:
    print(PROGRAMS[given.program](given))
    return 0


def _kcat() -> Path:
    if not shutil.which("kcat"):
        prerequisites.ensure("kcat")
    return _on_path("kcat")


def _on_path(program: str) -> Path:
    found = shutil.which(program)
    if not found:
        raise Failure(f"{program} is not on PATH")
    return Path(found)


def _print_json(document: Any) -> None:
    print(json.dumps(document, indent=2))


PROGRAMS: dict[str, Callable[[argparse.Namespace], Path]] = {
    "mongod": lambda given: mongod.find(given.mongo).path,
    "kafka": lambda _: kafka_home.find().libs,
    "java": lambda _: kafka_home.find_java(),
    "kcat": lambda _: _kcat(),
    "mongosh": lambda _: _on_path("mongosh"),
    "python": lambda _: environment.python(),
    "corpus": lambda _: corpus.fetch(),
}

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "up": _up,
    "status": _status,
    "env": _env,
    "logs": _logs,
    "list": _list,
    "down": _down,
    "kill": _kill,
    "start": _start,
    "fetch": _fetch,
    "which": _which,
}
