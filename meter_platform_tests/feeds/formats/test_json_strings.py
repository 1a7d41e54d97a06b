"""Stand-ins in strings of JSON: a text with them is read as JSON would be, whatever is in its strings."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.feeds.formats.json_strings import as_meant, as_written_anew, have_stand_ins, with_stand_ins

texts = st.text(st.characters(exclude_categories=[]), max_size=20) | st.text('",[]\\/u0041 \x7fé', max_size=20)


def stood_in(text: str) -> str:
    replaced = with_stand_ins(text.encode())
    assert replaced is not None
    return replaced.decode()


@given(said=texts, ascii_alone=st.booleans())
def test_a_string_says_what_it_said(said: str, *, ascii_alone: bool) -> None:
    is_text = not any("\ud800" <= character <= "\udfff" for character in said)
    written = json.dumps(said, ensure_ascii=ascii_alone or not is_text)
    replaced = stood_in(written)

    meant, are_meant = as_meant(pa.array([replaced[1:-1]]))

    assert not set(replaced[1:-1]) & set('",[]\\')
    assert json.dumps(meant[0].as_py()) == json.dumps(json.loads(written)) if is_text else not are_meant[0].as_py()


@given(said=texts)
def test_a_string_is_written_anew_as_python_writes_it(said: str) -> None:
    written = json.dumps(said)
    assert as_written_anew(pa.array([stood_in(written), "0.50", '"a"'])).to_pylist() == [written, "0.50", '"a"']


def test_what_is_around_strings_stays_what_it_is() -> None:
    assert with_stand_ins(b'[[1, "a,b", "\\"]"], [2, "", "[\\\\"]]') == (
        b'[[1, "a\x01b", "\x04\x05\x03"], [2, "", "\x02\x04\x04"]]'
    )


@pytest.mark.parametrize("text", [b'"\xff"', b'"\xed\xa0\x80"', b'"\x01"', b'"\x05"', b"\x03"])
def test_a_text_that_cannot_be_json_gets_none(text: bytes) -> None:
    assert with_stand_ins(text) is None


@pytest.mark.parametrize("text", ["\\x", "\\u12g4", "\\ud800", "\\"])
def test_an_escape_that_is_none_says_nothing(text: str) -> None:
    replaced = text.replace("\\", "\x04")
    assert have_stand_ins(pa.array([replaced]))
    meant, are_meant = as_meant(pa.array(["a", replaced]))
    assert (meant.to_pylist(), are_meant.to_pylist()) == (["a", ""], [True, False])
