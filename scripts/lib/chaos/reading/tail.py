"""A change stream read to the end of the world: resumed after every failure, so that nothing that happened is missed."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, List, Optional

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

RAW: "CodecOptions[Any]" = CodecOptions(document_class=RawBSONDocument)
# How long the server waits for news.
PATIENCE_MILLIS = 200
TRY_AGAIN_SECONDS = 0.3
# A server that was away for longer than the longest fault is a failure of the test, not of what is tested.
LONGEST_SILENCE_SECONDS = 180.0


class Tail(threading.Thread):
    """Reads the events of some databases in order and hands them to `accept`, from one thread. The client reads raw documents."""

    def __init__(self, client: MongoClient, databases: List[str], begin: Timestamp, accept: Callable[[Any], None]) -> None:
        super().__init__(name="tail", daemon=True)
        self._client, self._accept = client, accept
        self._match = [{"$match": {"ns.db": {"$in": databases}}}]
        version = [int(part) for part in client.server_info()["version"].split(".")[:1]]
        self._expanded = {"show_expanded_events": True} if version[0] >= 6 else {}
        self._from: Dict[str, Any] = {"start_at_operation_time": begin}
        self._stopping = threading.Event()
        self._answered = time.monotonic()
        self.failure: Optional[BaseException] = None

    def run(self) -> None:
        """Reads until stopped."""
        while not self._stopping.is_set():
            try:
                self._read()
            except PyMongoError as error:
                if time.monotonic() - self._answered > LONGEST_SILENCE_SECONDS or _is_final(error):
                    self.failure = error
                    return
                self._stopping.wait(TRY_AGAIN_SECONDS)
            except BaseException as error:  # told to the main thread
                self.failure = error
                return

    def _read(self) -> None:
        options = {**self._from, **self._expanded, "max_await_time_ms": PATIENCE_MILLIS}
        with self._watch(options) as stream:
            while not self._stopping.is_set():
                change = stream.try_next()
                self._answered = time.monotonic()
                if change is not None:
                    self._accept(change)
                if stream.resume_token is not None:
                    self._from = {"resume_after": stream.resume_token}

    def _watch(self, options: Dict[str, Any]) -> Any:
        return self._client.watch(self._match, batch_size=1000, **options)

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()


def _is_final(error: PyMongoError) -> bool:
    """History lost: nothing can be proven any more."""
    return isinstance(error, OperationFailure) and error.code in (286, 136, 280, 260)
