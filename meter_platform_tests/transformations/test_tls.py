"""dbt reaches a server by TLS as the platform does: by what its URL says of it."""

import subprocess
from pathlib import Path

import pytest
import trustme

from meter_platform.settings import Settings
from meter_platform.transformations.command import start
from meter_platform_tests.places import ROOT
from meter_platform_tests.reference.tls_server import PASSWORD, tls_server

pytest.importorskip("dagster_dbt", reason="the extra `dbt` is not installed")


def connected(url: str, folder: Path) -> tuple[bool, str]:
    """Whether dbt can connect, and what it says."""
    settings = Settings(home=folder).replace(postgres_url=url, transformations=str(ROOT / "transformations"))
    arguments = ["debug", "--connection"]
    with start(settings, arguments, target=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as dbt:
        said, _ = dbt.communicate(timeout=300)
    return dbt.returncode == 0, said


@pytest.mark.whole
def test_the_urls_tls_is_dbts(tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with tls_server() as server:
        good, said = connected(server.url(f"sslmode=verify-full&sslrootcert={server.authority}"), tmp_path)
        assert good, said
        assert "Connection test: [OK connection ok]" in said

        good, refused = connected(server.url(f"sslmode=verify-full&sslrootcert={tmp_path}/other.pem"), tmp_path)
        assert not good
        assert "certificate verify failed" in refused

        good, plain = connected(server.url("sslmode=disable"), tmp_path)
        assert not good
        assert "no pg_hba.conf entry" in plain
    assert PASSWORD not in said + refused + plain
