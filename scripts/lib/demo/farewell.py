"""The last words: what was left running and how to look at it, or what failed and where to read on."""

from __future__ import annotations

import shutil
import sys
from typing import List

from pymongo.errors import PyMongoError

from stack import paths
from stack.failure import Failure

from demo.configuration import COLLECTION, DATABASE, NAMESPACE
from demo.expectation import Unmet
from demo.screen import cut
from demo.world import CONFIGURATION, FOLDER, World

LOG_LINES, LOG_COLUMNS = 6, 300
USER = "{'_id': 0, 'firstname': 'Ada', 'age': 36}"


def kept(world: World) -> None:
    """How to look at what `--keep` left running."""
    screen, stack = world.screen, world.stack
    screen.heading("Left running; look at it:")
    uris = {name: one.uri for name, one in stack.deployments.items()}
    for name, uri in uris.items():
        screen.line(f"   {name:<10}{_shell(uri)}")
    screen.line(f"   {'topic':<10}kcat -C -b {stack.kafka.brokers} -t {NAMESPACE} -o end -q -f '%k %s\\n'")
    for part in world.pipeline.parts.values():
        screen.line(f"   {part.name:<10}http://{part.address}/metrics   pid {part.pid}   log {_short(str(part.log))}")
    screen.line(f"   {'settings':<10}{_short(str(CONFIGURATION))}")
    for what, uri, call in (("write", uris["source"], f"insert_one({USER})"), ("read", uris["target"], "find_one(0)")):
        for line in _by_hand(what, uri, call):
            screen.line(line)
    screen.line(f"   {'end it':<10}scripts/demo --stop")


def _shell(uri: str) -> str:
    return f"mongosh '{uri}'" if shutil.which("mongosh") else uri


def _by_hand(what: str, uri: str, call: str) -> List[str]:
    """A command for a shell, in two lines; the shell joins them."""
    code = f"print(MongoClient('{uri}').{DATABASE}.{COLLECTION}.{call})"
    python = f"{_short(sys.executable)} -c \"from pymongo import MongoClient; \\"
    return [f"   {what:<10}{python}", f'   {"":<10}{code}"']


def failed(world: World, error: BaseException) -> None:
    """What was expected, what was seen, what the processes said last."""
    screen = world.screen
    expected, seen = (error.expected, error.seen) if isinstance(error, Unmet) else (_kind(error), str(error))
    screen.failure(expected)
    for line in seen.splitlines() or [""]:
        screen.detail(line)
    _show_a_difference(world)
    for part in world.pipeline.parts.values():
        screen.line(f"\n   {part.name}, {'running' if part.is_running else 'ended'}; {_short(str(part.log))}")
        for line in part.tail(LOG_LINES):
            screen.line(f"     {cut(line, LOG_COLUMNS)}")
    if world.is_up:
        screen.line(f"\n   all logs and the configuration: {_short(str(FOLDER))}")
    if world.options.keep and hasattr(world, "sides"):
        kept(world)


def _show_a_difference(world: World) -> None:
    """One document that is not the same on both sides, when there is such."""
    if not hasattr(world, "sides"):
        return
    try:
        for line in world.sides.an_example():
            world.screen.detail(line)
    except PyMongoError as error:
        world.screen.detail(f"the sides cannot be compared any more: {error}")


def _kind(error: BaseException) -> str:
    return "cannot go on" if isinstance(error, Failure) else type(error).__name__


def _short(path: str) -> str:
    """From the checkout on, where that is possible."""
    return path.replace(f"{paths.CHECKOUT}/", "", 1)


__all__: List[str] = ["failed", "kept"]
