"""From Kafka's bytes to what is compared: the same as from the source's own event."""

from __future__ import annotations

import unittest
from datetime import datetime, timezone

from bson import Int64, MinKey, Timestamp, encode, json_util
from bson.raw_bson import RawBSONDocument

from chaos.model import Sequence
from chaos.reading.content import change_of, document_of
from chaos.reading.records import Raw, Reader
from chaos.verdict import Verdict

HEADERS = {"v": "1", "ns": "db.a", "op": "update", "ct": "7.2", "seq": "rs0/0/5"}
EVENT = {
    "_id": {"_data": "82"},
    "operationType": "update",
    "clusterTime": Timestamp(7, 2),
    "ns": {"db": "db", "coll": "a"},
    "documentKey": {"_id": {"a": Int64(1), "b": MinKey()}},
    "updateDescription": {
        "updatedFields": {"rev": 9, "when": datetime(2020, 1, 1, tzinfo=timezone.utc)},
        "removedFields": ["x"],
        "truncatedArrays": [{"field": "l", "newSize": 2}],
    },
}


def raw(event=None, key=None, **headers):
    text = json_util.dumps(event or EVENT, json_options=json_util.CANONICAL_JSON_OPTIONS).encode()
    told = json_util.dumps(key or EVENT["documentKey"], json_options=json_util.CANONICAL_JSON_OPTIONS).encode()
    return Raw(("db.a", 0), 3, {**HEADERS, **headers}, told, text)


class Records(unittest.TestCase):
    def read(self, *raws):
        verdict, reader = Verdict(), Reader()
        return [reader.read(one, verdict) for one in raws], verdict

    def test_a_record_tells_what_the_source_told(self):
        (record,), verdict = self.read(raw())
        source = RawBSONDocument(encode(EVENT))
        self.assertTrue(verdict.is_clean, verdict.findings)
        self.assertEqual((record.document, record.change), (document_of(source), change_of(source)))
        self.assertEqual((record.sequence, record.change.state, record.is_snapshot), (Sequence("rs0", 0, 5), 9, False))

    def test_raw_bson_tells_the_same(self):
        (record,), verdict = self.read(raw(format="bson")._replace(value=encode(EVENT)))
        self.assertTrue(verdict.is_clean, verdict.findings)
        self.assertEqual(record.change, self.read(raw())[0][0].change)

    def test_every_part_of_a_delta_counts(self):
        (record,), _ = self.read(raw())
        for part, other in (("removedFields", ["y"]), ("truncatedArrays", []), ("updatedFields", {"rev": 9})):
            (changed,), _ = self.read(raw({**EVENT, "updateDescription": {**EVENT["updateDescription"], part: other}}))
            self.assertNotEqual(record.change.content, changed.change.content, part)

    def test_a_key_that_is_not_the_documents_is_a_finding(self):
        (record,), verdict = self.read(raw(key={"_id": 5}))
        self.assertIsNone(record)
        self.assertEqual(verdict.counts["diverged"], 1)

    def test_headers_that_contradict_the_event_are_a_finding(self):
        for header in ({"ct": "7.3"}, {"op": "insert"}, {"ns": "db.b"}):
            self.assertEqual(self.read(raw(**header))[1].counts["diverged"], 1)

    def test_parts_are_put_together_and_a_missing_part_is_a_finding(self):
        whole = raw()
        parts = [
            whole._replace(headers={**whole.headers, "part": f"{number}/2"}, value=value)
            for number, value in ((1, whole.value[:40]), (2, whole.value[40:]))
        ]
        (first, record), verdict = self.read(*parts)
        self.assertIsNone(first)
        self.assertEqual(record.change, self.read(whole)[0][0].change)
        self.assertEqual(self.read(parts[1])[1].counts["diverged"], 1)
        self.assertEqual(self.read(parts[0], whole)[1].counts["diverged"], 1)

    def test_parts_have_everything_but_their_number_in_common(self):
        whole = raw()
        first = whole._replace(headers={**whole.headers, "part": "1/2"}, value=whole.value[:40])
        second = whole._replace(headers={**whole.headers, "part": "2/2"}, value=whole.value[40:])
        self.assertTrue(self.read(first, second)[1].is_clean)
        for name, other in (("seq", "rs0/0/6"), ("part", "2/3"), ("snapshot", "true")):
            strange = second._replace(headers={**second.headers, name: other})
            self.assertEqual(self.read(first, strange)[1].counts["diverged"], 1, name)
        self.assertEqual(self.read(first, second._replace(key=b'{"_id":{"$numberInt":"5"}}'))[1].counts["diverged"], 1)


if __name__ == "__main__":
    unittest.main()
