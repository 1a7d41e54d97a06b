"""The overlay `monitoring`: Prometheus scrapes the stack, evaluates the rules, and Alertmanager gets what they say.

Grafana is not started: where no registry can be reached there is none to be had.
"""

import json
from typing import Any

import pytest

from meter_platform_tests.deployment.stack import Stack, wait_for

pytestmark = pytest.mark.deployment

WATCHERS = ("prometheus", "alertmanager")


@pytest.fixture(scope="module")
def monitored(stack: Stack) -> Stack:
    """The stack with Prometheus and Alertmanager."""
    stack.secrets_for("monitoring")
    stack.compose("up", "--detach", "--wait", *WATCHERS, overlay="monitoring")
    return stack


def asked(stack: Stack, url: str) -> Any:  # noqa: ANN401 - a document
    """What an API answers inside the network of what is scraped."""
    read = f"import urllib.request as u; print(u.urlopen('{url}').read().decode())"
    return json.loads(stack.execute("metrics", "python", "-c", read))


def test_prometheus_scrapes_the_stack_and_knows_the_rules(monitored: Stack) -> None:
    def up() -> bool:
        targets = asked(monitored, "http://prometheus:9090/api/v1/targets")["data"]["activeTargets"]
        return {each["labels"]["job"]: each["health"] for each in targets}.get("meter-platform") == "up"

    wait_for("the stack is scraped", up)
    groups = asked(monitored, "http://prometheus:9090/api/v1/rules")["data"]["groups"]
    assert "MeterDataStale" in {rule["name"] for group in groups for rule in group["rules"]}


def test_alertmanager_gets_what_the_rules_say(monitored: Stack) -> None:
    def watched() -> bool:
        alerts = asked(monitored, "http://alertmanager:9093/api/v2/alerts")
        return "Watchdog" in {alert["labels"]["alertname"] for alert in alerts}

    wait_for("the alert that is always on has come", watched)


@pytest.mark.parametrize("service", WATCHERS)
def test_they_have_no_more_rights_than_the_others(monitored: Stack, service: str) -> None:
    said = monitored.containers()[service]

    assert said["Config"]["User"] == "65534:65534"
    assert said["HostConfig"]["ReadonlyRootfs"]
    assert said["HostConfig"]["CapDrop"] == ["ALL"]
    assert {at["HostIp"] for places in said["HostConfig"]["PortBindings"].values() for at in places} == {"127.0.0.1"}
