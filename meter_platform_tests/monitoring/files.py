"""What the tests of monitoring share: its files as data, and every query in them.

What belongs here: reading. What does not: asking, and what should come of it.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml

from meter_platform_tests.places import ROOT

FOLDER: Final = ROOT / "deployment" / "monitoring"
DASHBOARDS: Final = FOLDER / "grafana" / "dashboards"
RUNBOOK: Final = ROOT / "docs" / "operating" / "runbook"

_SELECTOR: Final = re.compile(r"\b(?:(?:meter|dagster)[_:][a-z_:]+|up|ALERTS)\b(?:\{[^}]*\})?")


def rules() -> list[dict[str, Any]]:
    """Every rule, alerts and recorded series."""
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts, by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def panel_queries() -> Iterator[tuple[str, str]]:
    """Every query of every panel, with the dashboard's and the panel's title."""
    for file in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(file.read_text())
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                yield f"{dashboard['title']}: {panel['title']}", target["expr"]


def selectors(query: str) -> list[str]:
    """The series that a query selects, each as a query of its own."""
    return _SELECTOR.findall(query)
