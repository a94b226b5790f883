"""The one `oplogue.toml` that the producer and the workers of the demo read, and what they get by environment."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict, List

from stack.state import Stack

PIPELINE = "demo"
DATABASE, COLLECTION = "test", "users"
NAMESPACE = f"{DATABASE}.{COLLECTION}"
PARTITIONS = 8
# Everything but `age`.
ALLOWED = ("firstname", "lastname", "email", "sex", "tags")

TEXT = """\
# Written by scripts/demo. The connection strings are secrets: OPLOGUE_SOURCE__URI and OPLOGUE_TARGET__URI hold them.
pipeline = "{pipeline}"

[source]

[target]

[kafka]
brokers = "{brokers}"
partitions = {partitions}

[namespaces]
include = ["{namespace}"]

# Everything but age; _id always passes.
[[rules]]
namespace = "{namespace}"
allow = {allowed}

[telemetry]
# Port 0: a free one, which the log tells.
listen = "127.0.0.1:0"
"""


def write(path: Path, brokers: str) -> None:
    """Writes the file."""
    allowed = json.dumps(list(ALLOWED))
    path.write_text(TEXT.format(pipeline=PIPELINE, brokers=brokers, partitions=PARTITIONS, namespace=NAMESPACE, allowed=allowed))


def secrets(stack: Stack, role: str) -> Dict[str, str]:
    """The connection string of the one side that a role talks to."""
    side = "source" if role == "producer" else "target"
    return {f"OPLOGUE_{side.upper()}__URI": stack.deployments[side].uri}


def without_foreign_settings() -> List[str]:
    """Begins a command line that passes on none of the caller's own `OPLOGUE_…` variables: they would win over the file."""
    foreign = [name for name in os.environ if name.startswith("OPLOGUE_")]
    return ["env", *(word for name in foreign for word in ("-u", name))]
