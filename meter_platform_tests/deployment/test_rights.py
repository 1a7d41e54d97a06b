"""What each service may do, and whom it reaches: no more than it needs."""

import pytest

from meter_platform_tests.deployment.stack import SERVICES, Stack

pytestmark = pytest.mark.deployment

CAPABILITIES: dict[str, list[str]] = {"proxy": ["NET_BIND_SERVICE"]}
"""The program of its image does not start without."""


def test_every_service_is_up_and_well(stack: Stack) -> None:
    assert {service: stack.health(service) for service in SERVICES} == {
        service: "running" if service in {"backup", "drill"} else "healthy" for service in SERVICES
    }


def test_no_service_has_more_rights_than_it_needs(stack: Stack) -> None:
    for service, said in stack.containers().items():
        host = said["HostConfig"]
        assert said["Config"]["User"].split(":")[0] not in {"", "0", "root"}, service
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert [name.removeprefix("CAP_") for name in host["CapAdd"] or []] == CAPABILITIES.get(service, []), service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert host["Init"], service
        assert min(host["Memory"], host["NanoCpus"], host["PidsLimit"]) > 0, service
        assert host["LogConfig"]["Config"] == {"max-file": "5", "max-size": "10m"}, service


def test_nothing_but_the_proxy_can_be_reached_from_another_machine(stack: Stack) -> None:
    published = {
        service: {at["HostIp"] for places in bound.values() for at in places}
        for service, said in stack.containers().items()
        if (bound := said["HostConfig"]["PortBindings"])
    }

    del published["proxy"]
    assert "metrics" in published
    assert set().union(*published.values()) == {"127.0.0.1"}


def test_the_code_server_knows_no_login_and_only_those_who_need_it_reach_it(stack: Stack) -> None:
    reach = "import socket; socket.create_connection(('code', 4000), 5)"
    networks = {service: set(said["NetworkSettings"]["Networks"]) for service, said in stack.containers().items()}

    assert {service for service in networks if networks[service] & networks["code"]} == {
        "code",
        "daemon",
        "db",
        "viewer",
        "webserver",
    }
    stack.execute("daemon", "python", "-c", reach)
    with pytest.raises(AssertionError, match="gaierror"):
        stack.execute("app", "python", "-c", reach)


def test_the_web_server_cannot_see_the_data(stack: Stack) -> None:
    with pytest.raises(AssertionError, match="permission denied for database"):
        stack.execute("webserver", "python", "-c", connect("dagster_url", ".replace('/dagster?', '/meter_platform?')"))


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        (".replace('verify-full', 'disable')", "no encryption"),
        (".replace('://meter_loader', '://postgres')", "pg_hba.conf rejects"),
    ],
)
def test_the_database_takes_nothing_unencrypted_and_no_superuser_by_network(
    stack: Stack, changed: str, refusal: str
) -> None:
    stack.execute("app", "python", "-c", connect("platform_url", ""))
    with pytest.raises(AssertionError, match=refusal):
        stack.execute("app", "python", "-c", connect("platform_url", changed))


def connect(secret: str, changed: str) -> str:
    """A program that connects with the URL of a secret."""
    return f"import pathlib, psycopg; psycopg.connect(pathlib.Path('/run/secrets/{secret}').read_text(){changed})"
