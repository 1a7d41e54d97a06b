"""The command `metrics`: what Prometheus scrapes."""

import sys

import click

from meter_platform.cli.screen import read_settings


@click.command()
@click.option("--once", "only_once", is_flag=True, help="Print the metrics and end; exit status 1 if a part failed.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address it listens on.")
@click.option("--port", default=9464, show_default=True, help="Where it listens.")
def metrics(*, only_once: bool, host: str, port: int) -> None:
    """Serve metrics for Prometheus at /metrics: asked of Postgres at each scrape.

    They need no more than the login meter_exporter, which reads no meterpoint.
    """
    from meter_platform.metrics import server
    from meter_platform.metrics.collector import platform_collector

    collector = platform_collector(read_settings())
    if only_once:
        click.echo(server.once(collector), nl=False)
        sys.exit(1 if collector.failures else 0)
    server.serve(
        collector,
        host=host,
        port=port,
        listening=lambda at: click.echo(f"Metrics are at http://{host}:{at}/metrics; Ctrl-C ends this."),
    )
