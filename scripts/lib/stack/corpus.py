"""MongoDB's BSON corpus, which PyPI's source distribution of pymongo carries with its tests."""

from __future__ import annotations

from pathlib import Path

from stack import cache, paths, registries, versions
from stack.failure import Failure
from stack.versions import SourceDistribution


def fetch() -> Path:
    """The folder with its JSON files, downloaded at the first time."""
    pin = versions.load().bson_corpus
    return cache.ensure_folder(paths.cache() / "bson_corpus", lambda aside: _unpack(pin, aside))


def _unpack(pin: SourceDistribution, aside: Path) -> None:
    inside = f"{pin.package}-{pin.version}/{pin.folder}/"
    with registries.source_distribution(pin, aside) as archive:
        for member in archive.getmembers():
            if member.isfile() and member.name.startswith(inside) and member.name.endswith(".json"):
                content = archive.extractfile(member)
                assert content is not None, "a file member has content"
                (aside / Path(member.name).name).write_bytes(content.read())
    if not list(aside.glob("*.json")):
        raise Failure(f"no {inside}*.json in {pin.package} {pin.version}")
    for leftover in list(aside.glob("*.tar.gz")):
        leftover.unlink()
