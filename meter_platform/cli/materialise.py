"""Commands that materialise every table: `run` for given dates, `demo` for the sample's."""

from datetime import datetime

import click

from meter_platform.cli.screen import DATE, console_for, read_settings, run_and_show


@click.command()
@click.option("--reference-date", "first", type=DATE, required=True, help="The date, or the first of several.")
@click.option("--to", "last", type=DATE, help="The last date of a range, included.")
@click.pass_obj
def run(debug: bool, first: datetime, last: datetime | None) -> None:  # noqa: FBT001 - click passes it
    """Materialise every table for a reference date or a range, and show what was stored.

    Exit status 0 only if all of it was.
    """
    settings = read_settings()
    run_and_show(settings, first.date(), (last or first).date(), debug=debug)


@click.command()
@click.pass_obj
def demo(debug: bool) -> None:  # noqa: FBT001 - click passes it
    """Generate the sample, materialise every table for its dates, and say what to do next."""
    from meter_platform.orchestration.sources import sample_plan

    settings = read_settings()
    console = console_for()
    plan = sample_plan(settings)
    if settings.readings_url or settings.reference_url:
        console.print("Your own sources are set: the demo takes the dates of the sample from them.")
    else:
        console.print(
            f"Sample input: {plan.meterpoints} meterpoints, {plan.first} to {plan.last}, in {settings.sample_home}"
        )
    run_and_show(settings, plan.first, plan.last, debug=debug)
    console.print(
        "\n[bold]What next[/bold]\n"
        "  make dev     the asset graph at http://localhost:3000\n"
        "  make app     the figures at http://localhost:8501\n"
        "  .venv/bin/meter-platform psql     ask in SQL: SELECT * FROM analytics.daily_product_consumption;\n"
        "  .venv/bin/meter-platform stop     stop the embedded Postgres",
        highlight=False,
    )
