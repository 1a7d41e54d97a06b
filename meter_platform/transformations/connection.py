"""How dbt gets the platform's connection: by libpq's own environment variables.

What belongs here: which variables a URL is. What does not: which URL (`warehouse/database.py`), and dbt's profile
(`transformations/profiles.yml`), which names the same variables.
"""

from typing import Final

import psycopg

from meter_platform.errors import SettingsError
from meter_platform.postgres.session_name import session_name
from meter_platform.postgres.urls import check_url
from meter_platform.settings import variable

_NEEDLESS: Final = frozenset(
    {"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
)
"""Parameters without a variable that only say how soon a dead server is noticed."""


def libpq_variables(url: str) -> dict[str, str]:
    """The variables by which a process that uses libpq opens the same connection; one may be a password.

    Args:
        url: of the database.

    Raises:
        SettingsError: the URL says something that no variable can.
    """
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.envvar
    }
    given = check_url(url)
    if lost := sorted(given.keys() - variables.keys() - _NEEDLESS):
        raise SettingsError(
            f"{variable('postgres_url')} has {', '.join(lost)}, which dbt cannot be given: leave it out, or set "
            f"{variable('transformations')}=off."
        )
    return {
        **{variables[name]: value for name, value in given.items() if name in variables},
        "PGTZ": "UTC",
        "PGAPPNAME": session_name(),
    }
