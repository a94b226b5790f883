"""What kcat prints, read."""

from __future__ import annotations

import unittest

from demo.records import Record, Sequence, parse

LINE = '3\t17\tv=1,ns=test.users,op=insert,ct=5.6,seq=rs/0/1/77,snapshot=true\t{"_id":1}\t{"a":"=,\\t"}'


class Parsing(unittest.TestCase):
    def test_a_line_becomes_a_record(self) -> None:
        headers = {"v": "1", "ns": "test.users", "op": "insert", "ct": "5.6", "seq": "rs/0/1/77", "snapshot": "true"}
        (record,) = parse([LINE, ""])
        self.assertEqual(record, Record(3, 17, headers, '{"_id":1}', '{"a":"=,\\t"}'))
        self.assertEqual(record.sequence, Sequence("rs/0", 1, 77))
        self.assertEqual(record.cluster_time, (5, 6))

    def test_a_record_without_headers_key_or_value_is_one(self) -> None:
        self.assertEqual(parse(["0\t1\t\t\t"]), [Record(0, 1, {}, "", "")])
