"""The command line's grammar: subcommands, options, and the words they take; `cli` carries them out."""

from __future__ import annotations

import argparse
import re
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from stack.request import SERVICES, STANDALONE, USUAL_SERVICES, Request, Scoped

DEFAULT_NAME = "default"
DEFAULT_OPLOG_MB = 1024
DEFAULT_CACHE_GB = 0.25
# Holds four of the largest records at once; half of it does not (tried).
DEFAULT_HEAP_MB = 1024
DEFAULT_CONNECT_HEAP_MB = 512
SIGNALS = {
    number.name[3:]: number for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP, signal.SIGCONT)
}
ITEMS = ("mongod", "kafka", "connect", "kcat", "corpus")
PROGRAMS = ("mongod", "kafka", "java", "kcat", "mongosh", "python", "corpus")
SCOPE = re.compile(rf"(?:({'|'.join(SERVICES)}):)?(.+)")

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

V = TypeVar("V")


def parser() -> argparse.ArgumentParser:
    """All of it."""
    top = argparse.ArgumentParser(
        prog="stack", description="Real services on this machine: MongoDB, Kafka, Kafka Connect."
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _up(commands)
    _looking(commands)
    _changing(commands)
    _fetching(commands)
    return top


def _up(commands: Commands) -> None:
    up = _named(commands, "up", "start what is not running, wait until it serves, print connection strings")
    some = f"some of {','.join(SERVICES)} (default: {','.join(USUAL_SERVICES)})"
    up.add_argument("--only", type=_services, metavar="LIST", help=some)
    standalone = "also start a mongod that is no replica set, named standalone"
    up.add_argument("--standalone", action="store_true", help=standalone)
    up.add_argument("--json", action="store_true", help="print what `env --json` prints")
    _servers(up)
    _tuning(up)


def _servers(up: argparse.ArgumentParser) -> None:
    mongo = "MongoDB version, e.g. 6.0.5 or 5.0 (default: the one on PATH, else the newest pinned)"
    _scoped(up, "--mongo", str, "VERSION", mongo)
    _scoped(up, "--members", _positive, "N", "members of each replica set (default: 1)")
    auth = "with authentication; the connection strings carry the administrator's login"
    up.add_argument("--auth", action="store_true", help=auth)
    _scoped(up, "--oplog-mb", _positive, "MB", f"size of the oplog (default: {DEFAULT_OPLOG_MB})")
    _scoped(up, "--set-parameter", _pair, "K=V", "startup parameter of the servers; may be repeated")


def _tuning(up: argparse.ArgumentParser) -> None:
    broker = "property of the broker; may be repeated"
    up.add_argument("--broker-property", type=_pair, action="append", default=[], metavar="K=V", help=broker)
    cache = f"WiredTiger cache of each member (default: {DEFAULT_CACHE_GB})"
    up.add_argument("--cache-gb", type=float, default=DEFAULT_CACHE_GB, metavar="GB", help=cache)
    heap = f"the broker's heap (default: {DEFAULT_HEAP_MB})"
    up.add_argument("--heap-mb", type=_positive, default=DEFAULT_HEAP_MB, metavar="MB", help=heap)
    heap = f"Kafka Connect's heap (default: {DEFAULT_CONNECT_HEAP_MB})"
    up.add_argument(
        "--connect-heap-mb", type=_positive, default=DEFAULT_CONNECT_HEAP_MB, metavar="MB", help=heap
    )
    fast = (
        "for tests, not for benchmarks: journal every 5 ms, elections within 2 s, a broker that starts sooner"
    )
    up.add_argument("--fast", action="store_true", help=fast)


def _looking(commands: Commands) -> None:
    status = _named(
        commands, "status", "each service: condition, role, pid, port; exit code 1 unless all serve"
    )
    status.add_argument("--json", action="store_true", help="for programs")
    env = _named(
        commands, "env", 'shell variables with the connection strings, for eval "$(scripts/stack env)"'
    )
    env.add_argument(
        "--json", action="store_true", help="everything: members, pids, ports, folders, logs, credentials"
    )
    logs = _named(commands, "logs", "the end of the logs")
    logs.add_argument("service", nargs="?", help="e.g. source-0 or kafka (default: all)")
    logs.add_argument("--follow", "-f", action="store_true", help="go on printing")
    logs.add_argument(
        "--lines", "-n", type=_positive, default=50, metavar="N", help="how many lines of each (default: 50)"
    )
    commands.add_parser(
        "list", help="the names of this checkout's stacks", description="the names of this checkout's stacks"
    )


def _changing(commands: Commands) -> None:
    down = _named(commands, "down", "stop everything and delete its data")
    down.add_argument(
        "--only", type=_services, metavar="LIST", help="only these, such as connect; the others go on"
    )
    down.add_argument(
        "--keep-data", action="store_true", help="stop only; `up` goes on with the same data and ports"
    )
    kill = _named(commands, "kill", "signal one service and wait for the effect")
    kill.add_argument("service", help="e.g. source-0, target-1, kafka")
    kill.add_argument("--signal", type=str.upper, choices=SIGNALS, default="KILL", help="default: KILL")
    start = _named(commands, "start", "start a killed service again, with its data and port")
    start.add_argument("service", help="e.g. source-0, target-1, kafka")


def _fetching(commands: Commands) -> None:
    about = "download everything that is pinned and print sizes; starts nothing"
    fetch = commands.add_parser("fetch", help=about, description=about)
    fetch.add_argument("items", nargs="*", metavar="ITEM", help=f"some of {', '.join(ITEMS)} (default: all)")
    fetch.add_argument(
        "--mongo", action="append", metavar="VERSION", help="only these versions of mongod; may be repeated"
    )
    about = "print where a program or folder is, fetching it first if it is pinned"
    which = commands.add_parser("which", help=about, description=about)
    which.add_argument("program", choices=PROGRAMS)
    which.add_argument("--mongo", metavar="VERSION", help="version of mongod")


def _named(commands: Commands, command: str, about: str) -> argparse.ArgumentParser:
    added = commands.add_parser(command, help=about, description=about)
    added.add_argument(
        "--name",
        type=_name,
        default=DEFAULT_NAME,
        help="which stack; several can run at once (default: default)",
    )
    return added


def _scoped(
    to: argparse.ArgumentParser, option: str, parse: Callable[[str], object], metavar: str, about: str
) -> None:
    shown = f"[SERVICE:]{metavar}"
    to.add_argument(option, type=_scope_of(parse), action="append", default=[], metavar=shown, help=about)


def _scope_of(parse: Callable[[str], V]) -> Callable[[str], tuple[str | None, V]]:
    def scoped(word: str) -> tuple[str | None, V]:
        found = SCOPE.fullmatch(word)
        if not found:
            raise argparse.ArgumentTypeError("must not be empty")
        return found.group(1), parse(found.group(2))

    return scoped


def _positive(word: str) -> int:
    if not word.isdecimal() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"{word!r} is not a positive number")
    return int(word)


def _pair(word: str) -> str:
    if not re.fullmatch(r"[^=\s]+=.*", word):
        raise argparse.ArgumentTypeError(f"{word!r} is not KEY=VALUE")
    return word


def _name(word: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", word):
        raise argparse.ArgumentTypeError(f"{word!r} is not a name of letters, digits, '_', '.' and '-'")
    return word


def _services(word: str) -> list[str]:
    asked = word.split(",")
    unknown = [one for one in asked if one not in SERVICES]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; choose from {', '.join(SERVICES)}")
    return asked


def request(given: argparse.Namespace) -> Request:
    """What an `up` command line asks for."""
    services = given.only or list(USUAL_SERVICES)
    if given.standalone and STANDALONE not in services:
        services.append(STANDALONE)
    return Request(
        services=services,
        mongo=Scoped(given.mongo),
        members=Scoped(given.members),
        oplog_mb=Scoped([(None, DEFAULT_OPLOG_MB), *given.oplog_mb]),
        parameters=Scoped(given.set_parameter),
        broker_properties=dict(pair.split("=", 1) for pair in given.broker_property),
        cache_gb=given.cache_gb,
        heap_mb=given.heap_mb,
        connect_heap_mb=given.connect_heap_mb,
        auth=given.auth,
        fast=given.fast,
    )
