"""How a command ends that failed: one line that says what to do, and exit status 1."""

import traceback
from typing import Any

import click

from meter_platform.cli.screen import INTERRUPTED
from meter_platform.errors import first_line
from meter_platform.redaction import redact_text


class OneLineErrors(click.Group):
    """Shows an error as one line, and its traceback only with --debug."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Runs a command; what it raises becomes a line and exit status 1."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            click.echo(f"Error: {INTERRUPTED}", err=True)
        except BrokenPipeError:
            raise  # whoever read the output has enough, such as `head`: click ends without a word
        except Exception as error:  # noqa: BLE001 - the last place where it can be shown
            from meter_platform.postgres.refusals import translated
            from meter_platform.settings import secrets_given

            if ctx.params.get("debug"):
                shown = traceback.format_exc()
            elif known := translated(error):
                shown = f"Error: {known}"
            else:
                shown = (
                    f"Unexpected error: {type(error).__name__}: {first_line(error)}\n"
                    "Run `meter-platform --debug …` to see where."
                )
            # What a library says may quote the URL that it was given.
            click.echo(redact_text(shown, *secrets_given()), err=True)
        return ctx.exit(1)
