"""The files of `deployment/monitoring`: alerts lead to their page and to the right people, dashboards are their code's."""

import re
import shutil
import subprocess

import pytest
import yaml

from dashboards.__main__ import DASHBOARDS as BUILDERS
from dashboards.__main__ import as_json
from meter_platform_tests.monitoring.files import DASHBOARDS, FOLDER, RUNBOOK, alerts, panel_queries, rules, selectors

RECEIVERS = {"critical": "oncall", "warning": "team", "none": "watchdog"}

amtool = pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed (prometheus-alertmanager)")


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_what_it_is_and_leads_to_its_page(name: str) -> None:
    alert = alerts()[name]

    assert alert["labels"]["severity"] in RECEIVERS
    assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"] == f"{{{{ $externalLabels.docs }}}}/operating/runbook/{name}.html"
    page = (RUNBOOK / f"{name}.md").read_text()
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == ["What it means", "What to look at", "What to do"]


def test_there_is_no_page_without_its_alert() -> None:
    assert {page.stem for page in RUNBOOK.glob("*.md")} - {"index"} == set(alerts())


def test_every_alert_is_tested() -> None:
    tests = yaml.safe_load((FOLDER / "rules_test.yml").read_text())["tests"]
    tested = {case["alertname"] for test in tests for case in test.get("alert_rule_test", []) if case["exp_alerts"]}

    assert tested == set(alerts())


@amtool
@pytest.mark.parametrize("name", alerts())
def test_an_alert_goes_to_those_it_is_for(name: str) -> None:
    severity = alerts()[name]["labels"]["severity"]
    routed = subprocess.run(
        [
            *("amtool", "config", "routes", "test", f"--config.file={FOLDER / 'alertmanager.yml'}"),
            *(f"alertname={name}", f"severity={severity}"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert routed.stdout.split() == [RECEIVERS[severity]]


@pytest.mark.parametrize("name", BUILDERS)
def test_a_committed_dashboard_is_what_its_code_builds(name: str) -> None:
    assert (DASHBOARDS / name).read_text() == as_json(BUILDERS[name]()), "run `make dashboards`"


def test_queries_name_recorded_series_that_there_are() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    queries = [query for _, query in panel_queries()] + [rule["expr"] for rule in rules()]
    named = {name for query in queries for name in selectors(query) if ":" in name.partition("{")[0]}

    assert named == recorded


def test_a_query_is_taken_apart_into_what_it_selects() -> None:
    assert selectors('sum by (x) (rate(meter_a_total{b="c"}[5m])) / max(dagster:d) > on (meter) up{job="e"}') == [
        'meter_a_total{b="c"}',
        "dagster:d",
        'up{job="e"}',
    ]
