"""Postgres URLs: libpq itself is the judge of what a URL means."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from meter_platform.postgres.urls import database_url
from meter_platform.redaction import redact

URLS = [
    "postgresql://",
    "postgresql:///",
    "postgresql:///meters",
    "postgresql://localhost",
    "postgresql://localhost?sslmode=require",
    "postgresql://reader@localhost:5433/meters",
    "postgresql://reader:p%40ss%2Fword@db.example.org/meters?sslmode=verify-full&sslrootcert=/etc/ca.pem",
    "postgresql://reader:what?#now@db.example.org/meters",
    "postgresql://reader@/meters?host=/var/run/postgresql&port=5432",
    "postgresql:///meters?host=%2Ftmp%2Fa%20b&user=reader&password=secret",
    "postgresql://one:1,two:2/meters?target_session_attrs=read-write",
    "postgresql://[::1]:5432/meters",
    "postgresql://localhost/meters?dbname=other&connect_timeout=3",
    "postgresql://localhost/meters?options=-c%20search_path%3Dx%40y",
    "postgres://localhost/meters",
]


@pytest.mark.parametrize("url", URLS)
def test_only_the_database_of_a_url_changes(url: str) -> None:
    assert conninfo_to_dict(database_url(url, "dagster")) == conninfo_to_dict(url) | {"dbname": "dagster"}


@given(st.sampled_from(URLS), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_name_of_a_database_survives(url: str, name: str) -> None:
    assert conninfo_to_dict(database_url(url, name))["dbname"] == name


def test_a_driver_suffix_is_kept() -> None:
    assert database_url("postgresql+psycopg2://a@/b?host=/c", "d") == "postgresql+psycopg2://a@/d?host=/c"


@pytest.mark.parametrize("text", ["", "meters", "host=localhost dbname=meters", "/var/run"])
def test_what_is_no_url_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not a Postgres URL: it does not begin with postgresql://$"):
        database_url(text, "dagster")


ENCODED = [
    "postgresql://reader:{}@db.example.org:5432/meters?sslmode=require",
    "postgresql+psycopg2://reader:{}@/meters?host=/var/run/postgresql",
    "postgresql://:{}@localhost",
    "postgresql://localhost/meters?user=reader&password={}",
    "postgresql://localhost?password={}&sslmode=require",
    "postgresql://localhost/meters?sslmode=require&sslpassword={}",
    "postgresql://localhost/meters?PassWord={}",
    "postgresql://localhost/meters?pass%77ord={}",
    "postgresql://reader:{0}@localhost/meters?password={0}&user=a@b",
    "s3://key:{}@bucket/readings",
]


@given(st.sampled_from(ENCODED), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_encoded_password_is_shown(shape: str, middle: str) -> None:
    shown = redact(shape.format(quote(f"Zq7{middle}7qZ", safe="")))
    assert "***" in shown
    assert "Zq7" not in shown
    assert "7qZ" not in shown


@given(st.sampled_from(["postgresql://reader:{}@localhost/meters", "postgresql://reader:{}@/m?host=/a"]), st.text())
def test_no_password_is_shown_that_was_pasted_without_encoding(shape: str, middle: str) -> None:
    shown = redact(shape.format(f"Zq7{middle}7qZ"))
    assert "Zq7" not in shown
    assert "7qZ" not in shown


@given(st.text(st.characters(exclude_categories=["Cs"])), st.sampled_from(["password", "sslpassword", "PASSWORD"]))
def test_no_password_of_a_connection_string_is_shown(middle: str, key: str) -> None:
    secret = f"Zq7{middle}7qZ".replace("\\", r"\\").replace("'", r"\'")
    shown = redact(f"host=localhost {key} = '{secret}' dbname=meters")
    assert shown == f"host=localhost {key} = *** dbname=meters"


@pytest.mark.parametrize(
    "url", [url for url in URLS if ":p%40" not in url and ":what" not in url and "secret" not in url]
)
def test_a_url_without_a_password_is_shown_as_it_is(url: str) -> None:
    assert redact(url) == url


def test_everything_but_the_password_is_shown() -> None:
    url = "postgresql://reader:secret@db.example.org:5433/meters?sslmode=require&password=secret&application_name=x"
    assert redact(url) == (
        "postgresql://reader:***@db.example.org:5433/meters?sslmode=require&password=***&application_name=x"
    )
