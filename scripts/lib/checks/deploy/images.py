"""Reading Dockerfiles: only what the checks need."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from deploy import files


@dataclass
class Stage:
    """One `FROM … AS …` and what follows it."""

    name: str
    image: str
    lines: list[str] = field(default_factory=list)

    def of(self, instruction: str) -> list[str]:
        """The arguments of each such instruction."""
        return [line.split(None, 1)[1] for line in self.lines if line.split(None, 1)[0] == instruction]


def stages(path: str) -> list[Stage]:
    """The stages of a Dockerfile, continued lines joined."""
    content = re.sub(r"^\s*#.*\n", "", files.text(path), flags=re.MULTILINE)
    result: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", content).splitlines():
        if start := re.fullmatch(r"FROM (\S+)(?: AS (\S+))?", line.strip()):
            result.append(Stage(start[2] or "final", start[1]))
        elif line.strip():
            result[-1].lines.append(line.strip())
    return result


def is_pinned(image: str) -> bool:
    """Whether an image's tag says its version: no tag, `latest` or a bare word do not."""
    name, _, tag = image.rpartition(":")
    return bool(name) and bool(re.search(r"\d+\.\d+\.\d+|\d{8}", tag))
