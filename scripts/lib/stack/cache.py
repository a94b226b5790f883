"""Things made once and kept: built aside under a lock and renamed into place, so a folder that exists is whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.failure import Failure

MEBIBYTE = 1024 * 1024


def ensure_folder(folder: Path, build: Callable[[Path], None]) -> Path:
    """Returns `folder`; if it is not there, `build` fills a folder aside first. Several processes may ask at once."""
    if folder.is_dir():
        return folder
    with exclusive(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            _build_aside(folder, build)
    return folder


def _build_aside(folder: Path, build: Callable[[Path], None]) -> None:
    aside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        build(aside)
        os.rename(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Holds a lock file; it is freed by the kernel if this process dies."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def check_sum(what: str, found: str, pinned: str) -> None:
    """Refuses what is not exactly what was pinned."""
    if found != pinned:
        raise Failure(f"{what} is not what was pinned: SHA-256 is {found}, expected {pinned}")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        while True:
            chunk = source.read(MEBIBYTE)
            if not chunk:
                return digest.hexdigest()
            digest.update(chunk)


def sha256_of_text(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def mebibytes(size: int) -> str:
    """A size as people read it."""
    return f"{size / MEBIBYTE:.1f} MiB"
