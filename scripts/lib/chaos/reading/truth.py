"""The source's own account of what happened: every event of its change stream, from before the first write on."""

from __future__ import annotations

import threading
from typing import Any, Dict, List

from bson.timestamp import Timestamp
from pymongo import MongoClient

from chaos.model import NO_DOCUMENT, Change, Definition, DocumentId, State
from chaos.reading.content import change_of, definition_of, document_of
from chaos.reading.tail import Tail
from chaos.workload.settings import is_left_out


class Truth:
    """What the source did, by document, since it was last taken."""

    def __init__(self, client: MongoClient, databases: List[str], begin: Timestamp) -> None:
        self._lock = threading.Lock()
        self._changes: Dict[DocumentId, List[Change]] = {}
        self._states: Dict[DocumentId, State] = {}
        self._definitions: List[Definition] = []
        self.count = 0
        self.tail = Tail(client, databases, begin, self._accept)

    def _accept(self, event: Any) -> None:
        if "ns" not in event:
            return
        document = document_of(event)
        if document[1] == NO_DOCUMENT:
            with self._lock:
                self._definitions.append(definition_of(event))
            return
        if is_left_out(document[0]):
            return
        change = change_of(event)
        with self._lock:
            self._changes.setdefault(document, []).append(change)
            self._states[document] = change.state
            self.count += 1

    def state(self, document: DocumentId) -> State:
        """The document's last state that was read."""
        return self._states.get(document)

    def take(self) -> Dict[DocumentId, List[Change]]:
        """Everything since the last take."""
        with self._lock:
            taken, self._changes = self._changes, {}
        return taken

    def take_definitions(self) -> List[Definition]:
        """Every change of a collection as a whole since the last take."""
        with self._lock:
            taken, self._definitions = self._definitions, []
        return taken

    def peek(self) -> Dict[DocumentId, List[Change]]:
        """The same, left in place."""
        with self._lock:
            return {document: list(changes) for document, changes in self._changes.items()}
