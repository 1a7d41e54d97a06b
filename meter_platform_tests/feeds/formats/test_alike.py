"""Elements that are alike: never is one taken for alike that differs in anything but its numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter_platform.feeds.formats import alike
from meter_platform.feeds.formats.alike import Model

READING = b"<r><s>10</s>\n<v>5</v><q>8</q></r>"
TEXTS = {("r", "s"): "10", ("r", "v"): "5", ("r", "q"): "8"}
ENDS = {("r", "s"): 8, ("r", "v"): 17, ("r", "q"): 25}


def model(*fixed: str) -> Model:
    found = Model.of(READING, TEXTS, ENDS, fixed=[("r", name) for name in fixed])
    assert found is not None
    return found


def test_numbers_of_a_model_are_those_that_the_parser_found() -> None:
    assert model("q").parts == (b"<r><s>", b"</s>\n<v>", b"</v><q>8</q></r>")
    assert model("q").numbers == {("r", "s"): 0, ("r", "v"): 1}
    assert model("q").constants == {("r", "q"): "8"}
    assert Model.of(b"<r><v>5<!-- --></v></r>", {("r", "v"): "5"}, {("r", "v"): 15}) is None
    assert Model.of(b"<r><v>x</v></r>", {("r", "v"): "x"}, {("r", "v"): 7}) is None


@pytest.mark.parametrize(
    ("behind", "lines"),
    [
        (READING * 3, b"10,5,8\n" * 2 + b"10,5,8"),
        (b"<r><s>11</s>\n<v>-6.5</v><q></q></r>" + READING, b"11,-6.5,\n10,5,8"),
        (b"<r><s>11</s><v>6</v><q>8</q></r>", None),  # without the end of a line
        (b"<r><s>11</s>\n<v>6</v><q>8</q></r >", None),
        (b"<r><v>6</v>\n<s>11</s><q>8</q></r>", None),
        (b"<r><s>11\x02\x02 6</v><q>8</q></r>", None),
        (b"<r><s>11\x026\x038</q></r>", None),  # signs that stand for parts are none
        (b"<r><s>11</v><q>6</s>\n<v>8</q></r>", None),
        (b"<r><s>1&1</s>\n<v>6</v><q>8</q></r>", None),
        (b"<r><s>1\n1</s>\n<v>6</v><q>8</q></r>", None),
        (b"x" + READING, None),
        (b" \n" + READING + b" \n" + READING, b"10,5,8\n10,5,8"),
        (b" \n" + READING + b"\n" + READING, b"10,5,8"),
        (b"", None),
    ],
)
def test_what_is_alike(behind: bytes, lines: bytes | None) -> None:
    text = READING + behind + b"</block>"

    found = model().behind(text, len(READING))

    assert (found and found.lines) == lines
    assert found is None or text[: found.end].endswith(b"</r>")


PARTS = st.text(st.sampled_from("<>a1\x01\x02"), min_size=2, max_size=4).map(str.encode)
NUMBERS = st.sampled_from([b"", b"1", b"-2.5", b"11"])


@given(
    parts=st.lists(PARTS, min_size=2, max_size=4),
    space=st.sampled_from([b"", b"\n"]),
    count=st.integers(0, 60),
    tail=st.lists(st.sampled_from([b"<", b">", b"a", b"1", b"\x01", b"\x02", b"\n"]), max_size=6).map(b"".join),
    stretch=st.integers(1, 200),
    data=st.data(),
)
def test_what_is_found_is_the_text_again(
    *, parts: list[bytes], space: bytes, count: int, tail: bytes, stretch: int, data: st.DataObject
) -> None:
    elements = []
    for _ in range(count):
        numbers = [data.draw(NUMBERS) for _ in parts[1:]]
        rest = (number + part for number, part in zip(numbers, parts[1:], strict=True))
        elements.append(space + parts[0] + b"".join(rest))
    text = b"".join(elements) + tail

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(alike, "_FIRST_STRETCH", stretch)
        found = Model(tuple(parts), {}, {}).behind(text, 0)

    if found is None:
        return
    assert len(found.lines.split(b"\n")) == found.count
    between = [line.split(b",") for line in found.lines.split(b"\n")]
    anew = b"".join(
        space + parts[0] + b"".join(n + part for n, part in zip(numbers, parts[1:], strict=True)) for numbers in between
    )
    assert anew == text[: found.end]
