"""The command that writes sample input: `sample`."""

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from meter_platform.cli.screen import DATE, console_for, progress, read_settings


@click.command()
@click.option("--meterpoints", default=60, show_default=True, type=click.IntRange(min=1), help="How many homes.")
@click.option("--from", "first", type=DATE, required=True, help="The first day.")
@click.option("--to", "last", type=DATE, required=True, help="The last day, included.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same bytes.")
@click.option("--files", default="per_meterpoint", show_default=True, help="per_meterpoint, per_day, or a number.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where to write it.")
def sample(*, meterpoints: int, first: datetime, last: datetime, seed: int, files: str, out: Path) -> None:
    """Generate sample input: reading files and a reference database."""
    from meter_platform.sample.generate import generate
    from meter_platform.sample.plan import SamplePlan

    layout: Any = int(files) if files.isdecimal() else files
    if layout not in {"per_meterpoint", "per_day"} and not isinstance(layout, int):
        raise click.BadParameter("it is per_meterpoint, per_day, or a number of files", param_hint="--files")
    plan = SamplePlan(
        meterpoints=meterpoints,
        first=first.date(),
        last=last.date(),
        seed=seed,
        files=layout,
        zone=read_settings().zone,
    )
    console = console_for(stderr=True)
    with progress(console) as bar:
        task = bar.add_task("Writing reading files", total=None)
        summary = generate(plan, out, lambda done, total: bar.update(task, completed=done, total=total))
    click.echo(
        f"{summary.readings:,} readings of {summary.meterpoints:,} meterpoints in {summary.files:,} files, "
        f"{summary.kwh:,} kWh, {summary.agreements:,} agreements: {out}"
    )
