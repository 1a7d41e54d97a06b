"""The tree of errors is one tree, and the first line of an error is told the same everywhere."""

import importlib
import pkgutil

import pytest

import meter_platform
from meter_platform.errors import InternalError, MeterPlatformError, PermanentError, TransientError, first_line
from meter_platform.postgres.refusals import translated

NOT_MODULES_TO_IMPORT = ("meter_platform.app.main", "meter_platform.app.views", "meter_platform.warehouse.migrations")
"""A page draws when it is imported, a migration's environment runs only in Alembic's hands."""


def every_error() -> set[type[BaseException]]:
    """Each exception class that a module of the package defines."""
    found: set[type[BaseException]] = set()
    for module in pkgutil.walk_packages(meter_platform.__path__, "meter_platform.", onerror=lambda _: None):
        if not module.name.startswith(NOT_MODULES_TO_IMPORT) and not module.name.endswith("__main__"):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == module.name:
                    found.add(value)
    return found


def test_every_error_of_the_package_is_in_the_tree_and_says_whether_it_may_pass() -> None:
    branches = (PermanentError, TransientError, InternalError)
    errors = every_error() - {MeterPlatformError}
    assert len(errors) > 15
    assert [error for error in errors if sum(issubclass(error, branch) for branch in branches) != 1] == []


def test_an_error_that_never_leaves_its_room_is_not_what_another_error_is_explained_by() -> None:
    class CaughtError(InternalError): ...

    error = RuntimeError("something else")
    error.__context__ = CaughtError("a file")
    assert translated(error) is None


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "one"),
        (ValueError("\n  one \ntwo"), "one "),
        (ValueError(), "ValueError"),
        (ValueError(" \n "), "ValueError"),
    ],
)
def test_the_first_line_of_an_error(error: Exception, line: str) -> None:
    assert first_line(error) == line
