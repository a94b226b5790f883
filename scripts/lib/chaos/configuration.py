"""The one `oplogue.toml` that the producers and the workers read, and what they get by environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional

from stack.state import Stack

from demo.configuration import secrets

from chaos.workload.namespaces import Namespace
from chaos.workload.settings import DATABASES, HIDDEN

PIPELINE = "chaos"
PARTITIONS = 4
DELIVERIES = {"exact": "exactly_once", "plain": "at_least_once"}
# The environment variable of a build that is broken on purpose.
SABOTAGE = "CHAOS_SABOTAGE"

TEXT = """\
# Written by scripts/chaos. The connection strings come by environment.
pipeline = "{pipeline}"

[source]

[target]

[kafka]
brokers = "{brokers}"
partitions = {partitions}

[namespaces]
include = {namespaces}
exclude = {left_out}

[producer.snapshot]
# Many small chunks, so that the copy outlives the first faults.
chunk_mib = 1

[worker]
delivery = "{delivery}"

{rules}
[telemetry]
listen = "127.0.0.1:0"
"""
RULE = """\
[[rules]]
namespace = "{namespace}"
{kind} = {fields}
"""


def write(path: Path, brokers: str, namespaces: List[Namespace], mode: str) -> None:
    """Writes the file."""
    rules = "\n".join(_rule(one) for one in namespaces)
    # Targets without transactions carry no definitions out.
    changing = DATABASES if mode == "exact" else ()
    names = json.dumps([*(one.name for one in namespaces), *(f"{db}.*" for db in changing)])
    left_out = json.dumps([f"{db}.{HIDDEN}" for db in changing])
    held: Dict[str, Any] = {"pipeline": PIPELINE, "brokers": brokers, "partitions": PARTITIONS, "rules": rules}
    held.update(namespaces=names, left_out=left_out)
    path.write_text(TEXT.format(delivery=DELIVERIES[mode], **held))


def _rule(namespace: Namespace) -> str:
    rule = namespace.rule
    kinds = {"allow": rule.allow, "deny": rule.deny}
    return "\n".join(
        RULE.format(namespace=namespace.name, kind=kind, fields=json.dumps(sorted(held))) for kind, held in kinds.items() if held
    )


def environment(stack: Stack, role: str, sabotage: Optional[str]) -> Dict[str, str]:
    """The connection string of the one side that a role talks to, and the sabotage if there is one."""
    broken = {SABOTAGE: sabotage} if sabotage else {}
    return {**secrets(stack, role), **broken}
