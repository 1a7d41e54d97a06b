"""What the tests of typed SQL share with those of the app: a small database, and SQL on it by either kind of login."""

from meter_platform_tests.app.conftest import guard, small

__all__ = ["guard", "small"]
