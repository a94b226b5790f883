"""Everybody who looks at the target: each change of each document, and each checkpoint, as a majority saw them."""

from __future__ import annotations

import threading
from typing import Any, Dict, List, Tuple

from bson.timestamp import Timestamp
from pymongo import MongoClient

from chaos.model import Checkpoint, DocumentId, Seen, State
from chaos.reading.content import document_of, state_of, time_of
from chaos.reading.tail import Tail

# Where the workers keep the offsets that they have applied.
CHECKPOINTS = "oplogue"
DOCUMENT_OPERATIONS = ("insert", "update", "replace", "delete")


class Watcher:
    """What was seen at the target since it was last taken."""

    def __init__(self, client: MongoClient, databases: List[str], begin: Timestamp, pipeline: str) -> None:
        self._lock = threading.Lock()
        self._collection = f"{CHECKPOINTS}.{pipeline}"
        self._seen: Dict[DocumentId, List[Seen]] = {}
        self._checkpoints: List[Checkpoint] = []
        self._states: Dict[DocumentId, State] = {}
        self.tail = Tail(client, [*databases, CHECKPOINTS], begin, self._accept)

    def _accept(self, event: Any) -> None:
        if event["operationType"] not in DOCUMENT_OPERATIONS:
            return
        if event["ns"]["db"] == CHECKPOINTS:
            self._checkpoint(event)
            return
        document, seen = document_of(event), Seen(time_of(event), state_of(event))
        with self._lock:
            self._seen.setdefault(document, []).append(seen)
            self._states[document] = seen.state

    def _checkpoint(self, event: Any) -> None:
        whole = event.get("fullDocument")
        fields = whole if whole is not None else event.get("updateDescription", {}).get("updatedFields", {})
        if f"{event['ns']['db']}.{event['ns']['coll']}" != self._collection or "offset" not in fields:
            return
        place = event["documentKey"]["_id"]
        claim = Checkpoint(
            time_of(event), (place["topic"], int(place["partition"])), int(fields["offset"]), "the partition's document"
        )
        with self._lock:
            self._checkpoints.append(claim)

    def state(self, document: DocumentId) -> State:
        """The document's last state that was seen."""
        return self._states.get(document)

    def take(self) -> Tuple[Dict[DocumentId, List[Seen]], List[Checkpoint]]:
        """Everything since the last take."""
        with self._lock:
            taken = self._seen, self._checkpoints
            self._seen, self._checkpoints = {}, []
        return taken
