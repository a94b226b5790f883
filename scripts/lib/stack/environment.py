"""The private Python environment: pymongo, for talking to the servers, and pip, for fetching wheels.

Imports nothing from outside the standard library, for it runs before the environment exists. There is one environment
per Python version and set of packages, so that changing either never meets a stale one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from stack import cache, paths, prerequisites, versions
from stack.failure import Failure, say


def enter() -> None:
    """Continues inside the environment: returns if this is it, else makes it and starts this program anew in it."""
    wanted = python()
    if not wanted.parents[1].samefile(sys.prefix):
        _point_to(wanted.parents[1])
        os.execv(wanted, [str(wanted), *sys.argv])


def python() -> Path:
    """The environment's interpreter; made when missing."""
    requirements = versions.load().requirements()
    key = cache.sha256_of_text(f"{sys.version_info[:2]}{requirements}")[:12]
    folder = paths.cache() / "python" / key
    cache.ensure_folder(folder, lambda aside: _make(aside, folder, requirements))
    return folder / "bin" / "python"


def _point_to(folder: Path) -> None:
    """Names the environment that the launcher tries first, which saves it the start of another interpreter."""
    link = folder.with_name("current")
    aside = folder.with_name(f".current.{os.getpid()}")
    aside.symlink_to(folder.name)
    aside.replace(link)


def _make(aside: Path, folder: Path, requirements: str) -> None:
    """Renaming an environment breaks the scripts in its `bin` but not its interpreter: only that is used later."""
    prerequisites.ensure("python-venv")
    say(f"preparing a Python environment in {folder}")
    venv.create(aside, with_pip=True, symlinks=True)
    listed = aside / "requirements.txt"
    listed.write_text(requirements)
    pip = [str(aside / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--require-hashes", "-r", str(listed)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Failure(f"pip could not install {listed}:\n{done.stderr.strip()}")
