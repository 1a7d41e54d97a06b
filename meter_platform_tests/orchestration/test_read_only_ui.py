"""The Dagster UI for people who only look: whatever it is asked to change, it refuses."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import dagster as dg
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLScalarType,
    get_named_type,
    is_leaf_type,
    is_union_type,
)

from meter_platform.backup.contents import contents
from meter_platform.orchestration.dagster_home import prepare_dagster_home
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, dagster_url
from meter_platform_tests.market import dagster_on_postgres
from meter_platform_tests.test_own_address import ask, free_port, wait_for

pytestmark = pytest.mark.whole

WEBSERVER: Final = (sys.executable, "-m", "meter_platform.orchestration.dagster_ui", "webserver")

RUN: Final = "0d3405c4-0000-4000-8000-000000000000"

CHANGES_NOTHING: Final = {"logTelemetry", "setNuxSeen"}
"""They note that a person has seen a window, and how the UI is used."""

REFUSED_AT_ONCE: Final = {
    "deleteConcurrencyLimit",
    "deleteRun",
    "launchRun",
    "startSchedule",
    "startSensor",
    "wipeAssets",
    "freeConcurrencySlots",
    "reloadWorkspace",
    "setAutoMaterializePaused",
    "setConcurrencyLimit",
}
"""Some of those that need nothing to be found first."""

_SCALARS: Final[dict[str, Any]] = {"Int": 1, "Float": 1.0, "Boolean": True}


@cache
def mutations() -> dict[str, GraphQLField]:
    """What Dagster's UI can ask to be changed, by name."""
    from dagster_graphql.schema import create_schema  # noqa: PLC0415 - a heavy import, and every collection has this file

    return create_schema().graphql_schema.mutation_type.fields  # type: ignore[union-attr] # there is one


def value(kind: GraphQLInputType) -> Any:  # noqa: ANN401 - any type
    """Something that a parameter takes: what has to be given, and no more."""
    match kind:
        case GraphQLNonNull():
            return value(kind.of_type)
        case GraphQLList():
            return [value(kind.of_type)]
        case GraphQLEnumType():
            return next(iter(kind.values))
        case GraphQLInputObjectType():
            needed = {name for name, field in kind.fields.items() if isinstance(field.type, GraphQLNonNull)} | {
                "jobName"
            }
            return {name: value(field.type) for name, field in kind.fields.items() if name in needed}
        case GraphQLScalarType():
            return _SCALARS.get(kind.name, RUN)


def mutation(name: str) -> str:
    """A request that asks for a change by its name."""
    field = mutations()[name]
    variables = {argument: value(given.type) for argument, given in field.args.items()}
    declared = ", ".join(f"${argument}: {given.type}" for argument, given in field.args.items())
    passed = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    query = f"mutation M{_in_brackets(declared)} {{ {name}{_in_brackets(passed)} {_answer(field.type)} }}"
    return json.dumps({"query": query, "variables": variables})


def _in_brackets(text: str) -> str:
    return f"({text})" if text else ""


def _answer(kind: GraphQLOutputType) -> str:
    """What is asked of an answer: its kind, unless it is a plain value, and what an error says."""
    named = get_named_type(kind)
    if is_leaf_type(named):
        return ""
    return "{ __typename ... on Error { message } }" if is_union_type(named) else "{ __typename }"


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    """Of a web server that was started to look only, with no code to load."""
    found = free_port()
    process = subprocess.Popen(
        [*WEBSERVER, "--read-only", "--empty-workspace", "--port", str(found)],
        env={**os.environ, **prepare_dagster_home(Settings(home=home))},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(process, found, "/server_info")
        yield found
    finally:
        process.terminate()
        process.communicate(timeout=120)


def asked(port: int, body: str) -> str:
    return str(ask(port, "/graphql", {"Content-Type": "application/json"}, method="POST", body=body)[1])


def read(port: int, query: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(asked(port, json.dumps({"query": query})))["data"]


def test_whatever_is_to_be_changed_is_refused_and_everything_can_be_looked_at(port: int, home: Path) -> None:
    with dagster_on_postgres(home) as dagster:
        dagster.add_run(dg.DagsterRun(job_name="anything", run_id=RUN, status=dg.DagsterRunStatus.STARTED))
        with Database(dagster_url(Settings(home=home))).connect() as stored:
            before = contents(stored)
            stored.rollback()
            told = {name: asked(port, mutation(name)) for name in mutations()}
            after = contents(stored)
        looked_at = read(port, "{ runsOrError { ... on Runs { results { runId status } } } }")

    assert after == before
    assert before["public.runs"][0] == 1
    assert {name for name, answer in told.items() if "UnauthorizedError" in answer} >= REFUSED_AT_ONCE
    assert not any("Success" in answer for name, answer in told.items() if name not in CHANGES_NOTHING)
    assert looked_at == {"runsOrError": {"results": [{"runId": RUN, "status": "STARTED"}]}}


def test_whoever_looks_has_no_permission(port: int) -> None:
    permissions = read(port, "{ permissions { permission value } }")["permissions"]
    assert len(permissions) > 10
    assert [found["permission"] for found in permissions if found["value"]] == []
