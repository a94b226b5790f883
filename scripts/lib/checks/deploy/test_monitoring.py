"""Prometheus and Grafana: expressions parse, and every metric they use exists."""

from __future__ import annotations

import json
import re
import unittest
from collections.abc import Iterator

import promql_parser

from deploy import files

NAMES = "common/src/telemetry/names.rs"
DASHBOARD = "deploy/grafana/dashboards/oplogue.json"
# What Prometheus makes itself.
BUILT_IN = {"up"}


def metrics() -> dict[str, set[str]]:
    """Every metric of the binaries with its labels; of a histogram the series it consists of."""
    pattern = r'^\s+(Counter|Gauge|Histogram) \w+ \w+ = "(\w+)" \["([^"]*)"\];'
    found = re.findall(pattern, files.text(NAMES), re.MULTILINE)
    assert found, f"{NAMES} is not written as expected"
    result = {}
    for sort, name, labels in found:
        known = {label.strip() for label in labels.split(",") if label.strip()}
        if sort == "Histogram":
            result |= {f"{name}_bucket": known | {"le"}, f"{name}_sum": known, f"{name}_count": known}
        else:
            result[name] = known
    return result


def selectors(expression: str) -> Iterator[promql_parser.VectorSelector]:
    """The metrics an expression selects, Grafana's variables filled in."""
    filled = re.sub(r"\$__\w+", "5m", expression)
    parsed = promql_parser.parse(filled)
    yield from _walk(parsed)


def _walk(node) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        child = getattr(node, name, None)
        if isinstance(child, promql_parser.Expr):
            yield from _walk(child)
    for child in getattr(node, "args", None) or []:
        yield from _walk(child)


def alerts() -> list[dict]:
    """Every alert rule."""
    return [rule for group in files.documents("deploy/prometheus/alerts.yml")[0]["groups"] for rule in group["rules"]]


def panels() -> list[dict]:
    """Every panel of the dashboard that shows something."""
    return [panel for panel in json.loads(files.text(DASHBOARD))["panels"] if panel["type"] != "row"]


def expressions() -> list[tuple[str, str]]:
    """Every expression with the place it stands in."""
    shown = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    return [(rule["alert"], rule["expr"]) for rule in alerts()] + shown


class Monitoring(unittest.TestCase):
    def test_every_metric_used_exists(self):
        known = metrics().keys() | BUILT_IN
        for place, expression in expressions():
            with self.subTest(place=place):
                names = {selector.name for selector in selectors(expression)}
                self.assertTrue(names, expression)
                self.assertEqual(names - known, set())

    def test_labels_used_are_those_of_the_metric(self):
        known, by_scrape = metrics(), {"job", "instance"}
        for place, expression in expressions():
            for selector in selectors(expression):
                used = {matcher.name for matcher in selector.matchers.matchers}
                self.assertLessEqual(used, known.get(selector.name, set()) | by_scrape, place)
            labels = set().union(*(known.get(selector.name, set()) for selector in selectors(expression)))
            for listed in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
                self.assertLessEqual({name.strip() for name in listed.split(",")}, labels | by_scrape, place)

    def test_every_metric_of_ours_is_shown_or_watched(self):
        used = {selector.name for _, expression in expressions() for selector in selectors(expression)}
        unused = {name for name in metrics() if name not in used and name.startswith("oplogue_")}
        unused = {name for name in unused if not name.endswith(("_sum", "_count"))}
        self.assertEqual(unused - NOT_SHOWN, set(), "show it on the dashboard, or name it in NOT_SHOWN")

    def test_alerts_say_how_bad_and_what(self):
        for rule in alerts():
            self.assertIn(rule["labels"]["severity"], {"critical", "warning"})
            self.assertTrue(rule["annotations"]["summary"].endswith("."), rule["alert"])
        names = [rule["alert"] for rule in alerts()]
        self.assertEqual(len(names), len(set(names)))

    def test_panels_fit_and_name_the_data_source_by_variable(self):
        taken = set()
        for panel in panels():
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertEqual(cells & taken, set(), panel["title"])
            taken |= cells
            self.assertEqual({t["datasource"]["uid"] for t in panel["targets"]}, {"${datasource}"})

    def test_scraped_services_and_their_port_exist(self):
        jobs = files.documents("deploy/prometheus/prometheus.yml")[0]["scrape_configs"]
        scraped = {name: lookup["port"] for job in jobs for lookup in job["dns_sd_configs"] for name in lookup["names"]}
        self.assertEqual(scraped, {"producer": 9464, "worker": 9464})
        self.assertEqual({job["job_name"] for job in jobs}, {"oplogue-producer", "oplogue-worker"})


# Said elsewhere, or of no use in a graph.
NOT_SHOWN = {
    "oplogue_build_info",
    "oplogue_producer_batches_read_total",
    "oplogue_producer_repairs_total",
    "oplogue_producer_snapshot_estimated_bytes",
    "oplogue_producer_swept_total",
    "oplogue_producer_topics_created_total",
    "oplogue_worker_rebalances_total",
    "oplogue_worker_repairs_total",
    "oplogue_worker_skipped_total",
}
