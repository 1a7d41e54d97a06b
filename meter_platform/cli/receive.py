"""The command `receive`: readings that are pushed."""

import click

from meter_platform.cli.screen import read_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address that HTTP listens on.")
@click.option("--port", default=8480, show_default=True, help="Where HTTP listens.")
@click.option("--path-prefix", default="", metavar="/PATH", help="The path that a proxy has HTTP at, such as /receive.")
@click.option(
    "--file-seconds",
    type=click.FloatRange(min=0.05),
    default=5.0,
    show_default=True,
    help="How old a file of received readings may become before a scan may find it.",
)
def receive(*, host: str, port: int, path_prefix: str, file_seconds: float) -> None:
    """Take readings by HTTP and from an MQTT broker, until Ctrl-C.

    They become files below METER_PLATFORM_READINGS_URL, and are acknowledged once they are safe on disk. HTTP is plain: put
    a server with TLS in front of it.
    """
    from meter_platform.receive import extra

    extra.make_sure_is_installed()
    from meter_platform.receive import server

    prefix = path_prefix and f"/{path_prefix.strip('/')}"
    server.receive(
        read_settings(), host=host, port=port, listening=click.echo, prefix=prefix, file_seconds=file_seconds
    )
