"""The drawings: well-formed, to scale, ours told from the others', of what was measured only."""

import unittest
import xml.etree.ElementTree as ElementTree

from bench import charts, store
from bench.chart import BARS, Bar, Chart, Group, svg
from bench.tests.samples import case, latency, part, point

SVG = "{http://www.w3.org/2000/svg}"


def parsed(text):
    return ElementTree.fromstring(text)


def widths(root, kind):
    return [float(one.get("width")) for one in root.iter(f"{SVG}rect") if one.get("class") == f"c-{kind}"]


def texts(root, kind=""):
    return [one.text for one in root.iter(f"{SVG}text") if kind in one.get("class").split() or not kind]


class Drawing(unittest.TestCase):
    def test_bars_are_to_scale_and_ours_stand_out(self):
        bars = (Bar("a & b", (("ours", 200.0),), True), Bar("c", (("other", 100.0),)))
        root = parsed(svg(Chart("t <x>", (Group("g", bars, 400.0),), line="floor")))
        self.assertEqual((widths(root, "ours"), widths(root, "other")), ([BARS / 2], [BARS / 4]))
        self.assertEqual(texts(root, "ours-text"), ["a & b", "200"])
        self.assertEqual(texts(root, "line-text"), ["floor 400"])

    def test_segments_follow_one_another_and_are_explained(self):
        bars = (Bar("a", (("broker", 1.0), ("worker", 3.0))),)
        root = parsed(svg(Chart("t", (Group("g", bars),), digits=1)))
        xs = {one.get("class"): float(one.get("x")) for one in root.iter(f"{SVG}rect") if one.get("x") and one.get("height") == "18"}
        self.assertEqual(xs["c-worker"] - xs["c-broker"], BARS / 4)
        self.assertIn("4.0", texts(root))
        self.assertIn("broker", texts(root))

    def test_groups_share_a_scale_unless_told_otherwise(self):
        groups = (Group("g", (Bar("a", (("ours", 10.0),)),)), Group("h", (Bar("a", (("ours", 5.0),)),)))
        self.assertEqual(widths(parsed(svg(Chart("t", groups))), "ours"), [BARS, BARS / 2])
        self.assertEqual(widths(parsed(svg(Chart("t", groups, is_one_scale=False))), "ours"), [BARS, BARS])

    def test_it_is_readable_on_light_and_on_dark(self):
        text = svg(Chart("t", (Group("g", (Bar("a", (("ours", 1.0),)),)),)))
        self.assertIn("prefers-color-scheme: dark", text)
        self.assertIn('class="paper"', text)


class Charts(unittest.TestCase):
    def test_nothing_is_drawn_of_what_was_not_measured(self):
        self.assertEqual(charts.drawn(store.empty()), {})
        document = store.merged(store.empty(), part("latency-2000", [latency("oplogue", 5.0), latency("floor-kafka", 2.0)]))
        found = charts.drawn(document)
        self.assertEqual(list(found), ["latency.svg"])
        self.assertEqual(texts(parsed(found["latency.svg"]), "label"), ["oplogue", "floor-kafka"])

    def test_the_floor_is_a_line_among_rates_and_a_bar_among_costs(self):
        cases = [case("drain-users", system, rate) for system, rate in (("oplogue", 30_000.0), ("floor", 90_000.0), ("floor-kafka", 60_000.0))]
        found = charts.drawn(store.merged(store.empty(), part("drain-users", cases)))
        self.assertEqual(set(found), {"rates.svg", "cpu.svg", "memory.svg"})
        rates = parsed(found["rates.svg"])
        self.assertEqual((texts(rates, "label"), texts(rates, "line-text")), (["oplogue"], ["floor 60,000"]))
        self.assertEqual(widths(rates, "ours"), [BARS / 2])
        self.assertEqual(texts(parsed(found["cpu.svg"]), "label"), ["oplogue", "floor", "floor-kafka"])
        self.assertNotIn("broker", texts(parsed(found["memory.svg"])))

    def test_series_are_drawn_at_their_points(self):
        self.assertEqual(charts.of_series(store.empty()), {})
        points = [point("scale-workers", at, 1000.0, cost) for at, cost in ((1, 2.0), (4, 6.0))]
        found = charts.of_series(store.merged(store.empty(), part("scale-workers", points)))
        root = parsed(found["scaling.svg"])
        self.assertEqual(texts(root, "label"), ["1 workers", "4 workers"])
        self.assertEqual(widths(root, "producer")[:2], [BARS / 4, BARS * 3 / 4])
