"""What a Postgres with the reference database refuses until somebody acts, and what to do about it.

What belongs here: a server's, and its driver's, words on logins and TLS. A refused connection has no SQLSTATE in any driver.
What does not: what passes by itself.
"""

import re
from typing import Final

_REFUSALS: Final = (
    (
        r"certificate verify failed|root certificate file .* does not exist",
        "its certificate is not signed by an authority that is trusted: name the authority's file by sslrootcert=",
    ),
    (
        r"server certificate for .* does not match host name",
        "its certificate is another host's: use the name that the certificate has",
    ),
    (
        r"does not support SSL, but SSL was required",
        "the URL asks for TLS and the server has none: switch it on there (ssl = on)",
    ),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects",
        "the server does not let this login in from here this way: it may ask for TLS (sslmode=verify-full)",
    ),
    (
        r"password authentication failed|no password supplied|role .* does not exist",
        "the server does not accept the login: correct user and password",
    ),
)


def what_to_do(said: str) -> str | None:
    """What to do about a connection that was refused; `None` where it may pass by itself, or is about something else.

    Args:
        said: by the driver. Nothing of it is in the result.
    """
    return next((sentence for words, sentence in _REFUSALS if re.search(words, said)), None)
