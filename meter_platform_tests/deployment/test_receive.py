"""Readings that are pushed to the stack: through the proxy, with a token, into the tables."""

import json

import pytest

from meter_platform_tests.deployment.stack import RECOVERY_SECONDS, Stack, wait_for

pytestmark = pytest.mark.deployment

ROW = {"meterpoint_id": "1200099990001", "interval_start": "2021-01-02T00:30:00+00:00", "consumption_delta": 0.186}


def test_a_pushed_reading_is_in_the_tables(stack: Stack, loaded: None) -> None:  # noqa: ARG001 - its dates are there
    token = stack.secret("receive_tokens").partition(":")[2]
    document = {"columns": list(ROW), "data": [list(ROW.values())]}

    status, said = stack.ask(
        "/receive/readings", login=False, headers={"Authorization": f"Bearer {token}"}, body=document
    )

    assert (status, json.loads(said)) == (200, {"rows": 1})
    asked = "SELECT sum(consumption_delta) FROM raw_data.raw_meter_readings WHERE meterpoint_id = '1200099990001'"
    took = wait_for("it is in the tables", lambda: stack.sql(asked) == [["0.186"]], 2 * RECOVERY_SECONDS)
    stack.say(f"a pushed reading was in the tables after {took:.0f} s")


def test_nobody_pushes_without_a_token_and_a_persons_login_is_none(stack: Stack) -> None:
    document = {"columns": list(ROW), "data": [list(ROW.values())]}

    assert stack.ask("/receive/readings", login=False, body=document)[0] == 401
    assert stack.ask("/receive/readings", login=True, body=document)[0] == 401
    assert stack.get("/receive/health", login=False) == (200, '{"status":"ok"}')


def test_the_receiver_reaches_neither_the_code_server_nor_the_database(stack: Stack) -> None:
    for host, port in (("code", 4000), ("db", 5432)):
        with pytest.raises(AssertionError, match="gaierror"):
            stack.execute("receive", "python", "-c", f"import socket; socket.create_connection(('{host}', {port}), 5)")
