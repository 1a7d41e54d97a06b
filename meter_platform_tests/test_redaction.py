"""Whatever a URL looks like, its password is in nothing that anyone sees; and data is quoted briefly."""

import traceback

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from meter_platform.errors import MeterPlatformError
from meter_platform.feeds.files import ReadingFolder
from meter_platform.redaction import LONGEST_QUOTATION, quoted, redact, redact_text, without_secrets
from meter_platform.reference.database import ReferenceDatabase
from meter_platform.settings import Settings
from meter_platform.warehouse.database import Database, data_url
from meter_platform.warehouse.tables import RAW_METERPOINTS

HEAD, TAIL = "Zq7Zq7", "7qZ7qZ"
"""How a secret begins and how it ends, whatever is between."""

PASTED = st.text(st.sampled_from("@:/?#%&=[]+ '\"\\\n,;aé0") | st.characters(exclude_categories=["Cs"]), max_size=12)
"""What may stand in the middle of a password: above all what means something in a URL."""

POSTGRES = [
    "postgresql://app:{}@127.0.0.1:1/meters",
    "postgres://app:{}@127.0.0.1:1/meters?sslmode=disable",
    "postgresql+psycopg2://app:{}@127.0.0.1:1/meters",
    "postgresql://:{}@127.0.0.1:1/meters",
    "postgresql://app@127.0.0.1:1/meters?password={}",
    "postgresql://127.0.0.1:1/meters?user=app&sslpassword={}&connect_timeout=2",
    "postgresql://127.0.0.1:1/meters?user=a@b&password={}",
    "app:{}@127.0.0.1:1/meters",
    "mysql://app:{}@127.0.0.1:1/meters",
    "host=127.0.0.1 port=1 password={}",
]
REFERENCE = [*POSTGRES, "mssql+pyodbc:///?odbc_connect=PWD={}", "oracle://app:{}@127.0.0.1:1/x", "sqlite+x://:{}@/db"]
READINGS = [
    "s3://key:{}@bucket/readings",
    "ftp://me:{}@127.0.0.1:1/x",
    "nothing://me:{}@127.0.0.1:1/x?sig={}",
    "https://127.0.0.1:1/x?sv=1&sig={}",
    "https://127.0.0.1:1/x?AWSAccessKeyId={}&X-Amz-Signature={}",
    "simplecache::ftp://me:{}@127.0.0.1:1/x",
    "me:{}@bucket/x",
]


def assert_hidden(*texts: object) -> None:
    for text in map(str, texts):
        assert HEAD not in text, text
        assert TAIL not in text, text


def url_of(shape: str, middle: str) -> str:
    return shape.replace("{}", f"{HEAD}{middle}{TAIL}")


@given(st.sampled_from([*REFERENCE, *READINGS]), PASTED)
@example("postgresql://app:{}@127.0.0.1:5618/meters", "%Secret")
@example("postgresql://app:{}@127.0.0.1:5618/meters", "/xyz")
def test_no_password_is_shown_that_was_pasted_as_it_is(shape: str, middle: str) -> None:
    url = url_of(shape, middle)
    given_everywhere = Settings().replace(postgres_url=url, reference_url=url, readings_url=url)

    assert_hidden(redact(url), given_everywhere, Database(url), ReferenceDatabase(url), ReadingFolder(url))


@given(st.sampled_from(POSTGRES), PASTED)
@hypothesis_settings(max_examples=150)
def test_no_error_of_a_postgres_url_shows_its_password_nor_does_its_traceback(shape: str, middle: str) -> None:
    given_url = Settings().replace(postgres_url=url_of(shape, middle))
    with pytest.raises(MeterPlatformError) as caught, Database(data_url(given_url)).connect():
        pass

    assert_hidden(*traceback.format_exception(caught.value))


@given(st.sampled_from(REFERENCE), PASTED)
@hypothesis_settings(max_examples=150)
def test_no_error_of_a_reference_url_shows_its_password_nor_does_its_traceback(shape: str, middle: str) -> None:
    with pytest.raises(MeterPlatformError) as caught:
        list(ReferenceDatabase(url_of(shape, middle)).read(RAW_METERPOINTS))

    assert_hidden(*traceback.format_exception(caught.value))


@pytest.mark.parametrize("examples", [20, pytest.param(150, marks=pytest.mark.whole)])
def test_no_error_of_a_readings_url_shows_its_password_nor_does_its_traceback(examples: int) -> None:
    @given(st.sampled_from(READINGS), PASTED)
    @example("me:{}@bucket/x", "/\0")
    @hypothesis_settings(max_examples=examples)
    def shows_nothing(shape: str, middle: str) -> None:
        with pytest.raises(MeterPlatformError) as caught:
            ReadingFolder(url_of(shape, middle)).list()
        assert_hidden(*traceback.format_exception(caught.value))

    shows_nothing()


@given(st.sampled_from([*REFERENCE, *READINGS]), PASTED)
def test_whatever_piece_of_a_url_a_library_quotes_is_hidden(shape: str, middle: str) -> None:
    url = url_of(shape, middle)
    said = f'no host "{url}", bad port "{url.rpartition("@")[0]}", {url!r}, {url.encode()!r}, {url.partition("/")[2]}'
    assert_hidden(redact_text(said, url))


def test_a_password_with_the_sign_of_a_scheme_is_hidden_on_both_sides_of_it() -> None:
    url = "app:hunter2://hunter2@127.0.0.1:1/meters"
    assert "hunter2" not in redact_text(f'no host "{url}", bad port "app:hunter2://x"', url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/data/a@b/what?x", "/data/a@b/what?x"),
        ("readings/2021", "readings/2021"),
        ("sqlite:////data/a@b.db", "sqlite:////data/a@b.db"),
        ("file:///data/a@b", "file:///data/a@b"),
        ("s3://bucket/readings/day=1", "s3://bucket/readings/day=1"),
        ("simplecache::s3://bucket/readings", "simplecache::s3://bucket/readings"),
        ("https://host/x?mode=r&sig=abc", "https://host/x?mode=r&sig=***"),
        ("postgresql://one:1,two:2/meters", "postgresql://one:1,two:2/meters"),
        ("postgresql://me:x/y@host/meters", "postgresql://***"),
        ("postgresql://me:x@host:y/meters", "postgresql://me:***@***"),
    ],
)
def test_what_can_be_no_secret_is_shown(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("s3://bucket/a@b.json", "s3://bucket/a@b.json"),
        ("https://me:secret@host/a.json", "https://host/a.json"),
        ("https://host/a.json?mode=r", "https://host/a.json?mode=r"),
    ],
)
def test_the_key_of_a_file_is_its_url_without_an_account(url: str, key: str) -> None:
    assert without_secrets(url) == key


def test_the_keys_of_two_files_differ_though_what_differs_is_hidden() -> None:
    one, two = (without_secrets(f"https://host/x?file={name}.json&sig=secret") for name in "ab")

    assert one != two
    assert "secret" not in one
    assert one == without_secrets("https://host/x?file=a.json&sig=secret")


@given(st.text(max_size=400) | st.text(st.sampled_from("*_[]()`<>|~$\\\n\x00a"), max_size=400))
@example("a" * 20_000_000)
def test_a_quotation_is_short_and_one_line_and_nothing_that_markdown_acts_on(text: str) -> None:
    found = quoted(text)

    assert len(found) <= 2 * LONGEST_QUOTATION + 40
    assert found.isprintable()
    unescaped = [
        character
        for before, character in zip(" " + found, found, strict=False)
        if character in "*[]<>|~$`" and before != "\\"
    ]
    assert unescaped == []
