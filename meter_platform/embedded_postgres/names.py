"""Every name by which this package is the platform's: whoever lifts it out of the platform changes this file.

What belongs here: names of databases, accounts, folders and files, and of what a user sets, as messages say it. What does
not: reading any setting. A caller hands in what it has read.
"""

from pathlib import Path
from typing import Final

SUPERUSER: Final = "meter_platform"
"""The account inside Postgres, the same whoever starts the server. It has no password: see `server._initialise`."""

DATA_DATABASE: Final = "meter_platform"
"""The database that `ensure_running` gives the URL of."""

DAGSTER_DATABASE: Final = "dagster"
"""A second one for many small commits of events: a crash loses the last fraction of a second of them, and never their
consistency; waiting for the disk would cost each of them milliseconds."""

CLUSTER_NAME: Final = "meter_platform-{digest}"
"""What a server calls itself in the title of each of its processes; `digest` tells one data directory from another."""

CONFIGURATION_FILE: Final = "meter_platform.conf"
"""Beside the data: settings that are written at every start."""

ELSEWHERE: Final = (Path("/var/lib/meter_platform"), Path("/var/tmp/meter_platform"))  # noqa: S108 - ownership is verified
"""Where root keeps a cluster whose account cannot reach the home. Both survive a restart of the machine."""

HOME_SETTING: Final = "METER_PLATFORM_HOME"
PROGRAMS_SETTING: Final = "METER_PLATFORM_PG_BIN"
URL_SETTING: Final = "METER_PLATFORM_POSTGRES_URL"
"""What a user sets to have another home, other programs, or a server of their own."""
