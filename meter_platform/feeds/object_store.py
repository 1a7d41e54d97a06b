"""What an object store's refusals mean, and how one is asked: how often, how many requests at a time.

What belongs here: options of the file system, and the store's codes as errors of the platform. What does not: paths and
files (`files.py`), and what is fetched ahead of its reader (`ahead.py`).

A refusal is about one object (it has gone, it has changed), or about the store as a whole: no credentials, no such bucket,
too many requests. The first is the object's fate, the second ends the run, so that no file is quarantined for it.
"""

import os
from collections.abc import Iterator
from typing import Any, Final

from meter_platform.errors import MeterPlatformError, SourceRefusedError, SourceUnavailableError

REQUESTS: Final = 32
"""Requests to a store at the same time. A request takes some 30 ms, most of it waiting: so many give a thousand small objects a
second, and stay far below what a store takes of one prefix (5,500 a second)."""

_TRIES: Final = 6
"""Of each request, 15 s in all on average: the pause doubles, and is shorter by chance so that not all come back at once. s3fs
begins five times where a store says that it is asked too often: then it is waited for a minute and more."""

_S3: Final = ("s3", "s3a")

_CREDENTIALS: Final = (
    "give credentials that are valid by the usual AWS variables, a profile, or the role of the machine"
)

_REFUSED: Final = {
    ("NoSuchBucket",): "there is no such bucket: create it, or correct {variable} or the endpoint",
    ("InvalidBucketName", "ParamValidationError"): "the bucket's name is none: correct {variable}",
    (
        "AccessDenied",
        "AllAccessDisabled",
        "AccountProblem",
        "InvalidPayer",
        "NotSignedUp",
        "403",
    ): "the store refuses these credentials: grant them s3:ListBucket and s3:GetObject there, and the use of its key",
    (
        "InvalidAccessKeyId",
        "InvalidSecurity",
        "SignatureDoesNotMatch",
    ): f"the store does not accept the credentials: {_CREDENTIALS}",
    (
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
    ): f"there are no credentials, or only a part of them: {_CREDENTIALS}",
    ("RequestTimeTooSkewed",): "this machine's clock is wrong: set it",
    (
        "PermanentRedirect",
        "AuthorizationHeaderMalformed",
        "IllegalLocationConstraintException",
        "301",
        "NoRegionError",
    ): "the bucket is in another region: set AWS_DEFAULT_REGION",
    ("SSLError",): "the store's certificate is not trusted: set AWS_CA_BUNDLE to the file of its authority",
}
"""What nobody but a person can mend, by codes of the store and names of botocore's errors."""

_PASSING: Final = {
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidToken",
        "RequestExpired",
        "TokenRefreshRequired",
        "CredentialRetrievalError",
        "UnauthorizedSSOTokenError",
        "400",  # all that is said where facts of an object are asked for: such an answer has no content
    ): "the credentials have expired, and no newer ones are there: renew them; the next try takes what is there then",
    (
        "SlowDown",
        "503",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequests",
        "429",
        "RequestLimitExceeded",
    ): "the store is asked too often and was waited for in vain: let fewer programs ask it, or wait",
    (
        "InternalError",
        "500",
        "502",
        "504",
        "RequestTimeout",
    ): "the store has a fault of its own, and was waited for in vain",
    (
        "EndpointConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ConnectionClosedError",
        "HTTPClientError",
        "ProxyConnectionError",
        "ClientPayloadError",
        "IncompleteRead",
        "FSTimeoutError",
    ): "the store does not answer: is the endpoint right (AWS_ENDPOINT_URL), and the network there?",
}
"""What may be otherwise at the next try."""

_LIBRARIES: Final = ("botocore", "aiobotocore", "aiohttp", "fsspec")
"""Whose errors are known by their names."""


def options(url: str) -> dict[str, Any]:
    """How fsspec opens the file system of a URL: with patience, and without lists that it remembers.

    Args:
        url: of the folder.
    """
    if url.partition("://")[0] not in _S3:
        return {}
    config: dict[str, Any] = {"max_pool_connections": REQUESTS}
    if not os.environ.get("AWS_MAX_ATTEMPTS"):
        config["retries"] = {"total_max_attempts": _TRIES}
    # More than one request for a part of an object would ask for its size first: two requests for each small object.
    return {"config_kwargs": config, "use_listings_cache": False, "max_concurrency": 1}


def refusal(error: BaseException, place: str, *, variable: str) -> MeterPlatformError | None:
    """The platform's error for what a store as a whole refuses.

    Args:
        error: of the file system.
        place: the URL as it may be shown.
        variable: the setting that names it.

    Returns:
        `None` for what is about one object, or does not come from a store.
    """
    for name in _names(error):
        for kinds, known in ((SourceRefusedError, _REFUSED), (SourceUnavailableError, _PASSING)):
            for names, sentence in known.items():
                if name in names:
                    return kinds(f"{place} cannot be read ({name}): {sentence.format(variable=variable)}.")
    return None


def _names(error: BaseException) -> Iterator[str]:
    """Codes of a store's answer, and names of the errors that led to this one."""
    current: BaseException | None = error
    while current is not None:
        answer = getattr(current, "response", None)
        if isinstance(answer, dict):
            yield str(answer.get("Error", {}).get("Code", ""))
        yield from (kind.__name__ for kind in type(current).__mro__ if kind.__module__.partition(".")[0] in _LIBRARIES)
        current = current.__cause__ or current.__context__
