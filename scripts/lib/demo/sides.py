"""Source and target: read whole as raw BSON, compared, shown."""

from __future__ import annotations

from typing import Any, Dict, List

from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection

from stack.state import Stack

from demo import comparison
from demo.comparison import Difference
from demo.configuration import ALLOWED, COLLECTION, DATABASE
from demo.expectation import Look

# How long a server may be away before that is an error: on this machine nothing hands over to another member.
ANSWER_MILLIS = 10_000
RAW = CodecOptions(document_class=RawBSONDocument)


class Sides:
    """The namespace on both sides."""

    def __init__(self, stack: Stack) -> None:
        uris = [stack.deployments[name].uri for name in ("source", "target")]
        self._clients: List[MongoClient] = [MongoClient(uri, serverSelectionTimeoutMS=ANSWER_MILLIS) for uri in uris]
        self.source, self.target = (client[DATABASE][COLLECTION] for client in self._clients)

    def close(self) -> None:
        """Lets go of the connections."""
        for client in self._clients:
            client.close()

    def difference(self) -> Difference:
        """Every document of both sides, byte for byte, under the allowlist."""
        return comparison.difference(_whole(self.source), _whole(self.target), ALLOWED)

    def look(self) -> Look:
        """Whether the sides agree, with the counts."""
        difference = self.difference()
        counts = f"source {self.source.count_documents({})}, target {self.target.count_documents({})}"
        return Look(difference.count == 0, f"{counts}, {difference}")

    def an_example(self) -> List[str]:
        """A document that differs, as a table; nothing when none does."""
        difference = self.difference()
        return self.side_by_side(difference.ids[0]) if difference.count else []

    def side_by_side(self, number: Any) -> List[str]:
        """One document on both sides, as a table."""
        sides = {"source": self.source, "target": self.target}
        return comparison.side_by_side({name: side.find_one({"_id": number}) or {} for name, side in sides.items()})


def _whole(side: "Collection[Any]") -> Dict[Any, bytes]:
    return {document["_id"]: document.raw for document in side.with_options(RAW).find()}
