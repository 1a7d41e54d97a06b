"""Writes the dashboards' JSON: `python -m dashboards`."""

from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.data import data
from dashboards.operations import operations

FOLDER: Final = Path(__file__).parents[1] / "deployment" / "monitoring" / "grafana" / "dashboards"

DASHBOARDS: Final = {"operations.json": operations, "data.json": data}


def as_json(dashboard: Dashboard) -> str:
    """The JSON that Grafana is given, with sorted keys: a change of a panel is a change of its lines."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(dashboard.build()) + "\n"


if __name__ == "__main__":
    for name, build in DASHBOARDS.items():
        (FOLDER / name).write_text(as_json(build()), encoding="utf-8")
