"""Asking the producer for documents anew while everything else goes on: whole namespaces, and single documents, there or gone."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Dict, List

from bson import json_util
from confluent_kafka import KafkaException, Producer

from chaos.workload.namespaces import Namespace

ANSWER_SECONDS = 5.0
SLICE = "rs0"
MOST_KEYS = 40


class Requests:
    """Records of the control topic, as an operator writes them."""

    def __init__(self, brokers: str, pipeline: str, seed: int) -> None:
        self._topic = f"oplogue.{pipeline}.control"
        self._producer = Producer({"bootstrap.servers": brokers, "log_level": 0, "message.timeout.ms": 5000})
        self._seed = seed

    def ask(self, number: int, namespaces: List[Namespace], ids: Dict[str, List[Any]]) -> str:
        """Asks for something that the seed gives; says for what. A broker that is away is not asked again."""
        chance = Random(f"requests {self._seed} {number}")
        one = chance.choice(namespaces)
        wanted: Dict[str, Any] = {"ns": one.name}
        if chance.random() < 0.5:
            keys = chance.sample(ids[one.name], min(MOST_KEYS, len(ids[one.name])))
            texts = [json_util.dumps({"_id": key}, json_options=json_util.CANONICAL_JSON_OPTIONS) for key in keys]
            wanted["keys"] = [json.loads(text) for text in texts]
        elif chance.random() < 0.5:
            wanted["reconcile"] = True
        try:
            key = f"snapshot/{SLICE}/chaos-{number}"
            self._producer.produce(self._topic, key=key.encode(), value=json.dumps(wanted).encode(), partition=0)
            self._producer.flush(ANSWER_SECONDS)
        except KafkaException:
            return "nothing"
        how = " by key" if "keys" in wanted else ", reconciling" if "reconcile" in wanted else ""
        return f"{one.name}{how}"
