"""How a message reads."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Final
from zoneinfo import ZoneInfo

from meter_platform.alerts.incident import Incident
from meter_platform.alerts.ledger import Notice
from meter_platform.alerts.message import Message, compose

LONDON: Final = ZoneInfo("Europe/London")
EIGHT: Final = datetime(2021, 6, 8, 7, tzinfo=UTC)
UI: Final = "https://meters.example.org/dagster/"

FAILED: Final = Incident(
    key="run:1",
    kind="run",
    title="Run failed: 2021-06-07",
    began=EIGHT,
    facts={"Failed": "raw_products", "Why": "the product <Tracker & Co> *is* `new`\nhere"},
    advice="Mend it.",
    link="/runs/1",
    link_text="Open the run",
)


def message(*notices: Notice, ui_url: str | None = UI) -> Message:
    return compose(notices, zone=LONDON, ui_url=ui_url)


def test_a_beginning_says_what_when_why_what_to_do_and_where() -> None:
    sent = message(Notice(FAILED, EIGHT))

    assert sent.subject == "[Meter platform] Run failed: 2021-06-07"
    assert sent.text.splitlines()[:9] == [
        "Run failed: 2021-06-07",
        "",
        "  Since   2021-06-08 08:00 BST",
        "  Failed  raw_products",
        "  Why     the product <Tracker & Co> *is* `new` here",
        "",
        "Mend it.",
        "",
        "Open the run: https://meters.example.org/dagster/runs/1",
    ]
    assert sent.slack == (
        ":rotating_light: *Run failed: 2021-06-07*\nSince: 2021-06-08 08:00 BST\nFailed: raw_products\n"
        "Why: the product &lt;Tracker &amp; Co&gt; \u2060*is\u2060* \u2060`new\u2060` here\nMend it.\n"
        "<https://meters.example.org/dagster/runs/1|Open the run>"
    )
    assert sent.answers == ""


def test_an_end_says_so_and_answers_the_beginning() -> None:
    began, over = message(Notice(FAILED, EIGHT)), message(Notice(FAILED, EIGHT, EIGHT + timedelta(minutes=40)))

    assert over.subject == "[Meter platform] Over: Run failed: 2021-06-07"
    assert "  Over since  2021-06-08 08:40 BST, after 40 minutes" in over.text
    assert "Mend it." not in over.text
    assert over.slack.startswith(":white_check_mark: *Over: Run failed")
    assert over.answers == began.identity
    assert over.identity != began.identity
    assert message(Notice(FAILED, EIGHT)).identity == began.identity, "sent again it is the same message"
    assert message(Notice(FAILED, EIGHT + timedelta(days=1))).identity != began.identity


def test_many_are_one_message_that_counts_them() -> None:
    notices = [Notice(FAILED, EIGHT, EIGHT if number < 5 else None) for number in range(30)]

    sent = message(*notices)

    assert sent.subject == "[Meter platform] 30 incidents: 25 began, 5 over"
    assert sent.text.count("Run failed: 2021-06-07") == 20
    assert "And 10 more." in sent.text
    assert "And 10 more." in sent.html
    assert sent.slack.endswith("And 10 more.")


def test_without_the_ui_s_address_there_is_no_link() -> None:
    sent = message(Notice(FAILED, EIGHT), ui_url=None)

    assert "/runs/1" not in sent.text + sent.html + sent.slack


def test_the_html_has_every_word_escaped_and_the_link() -> None:
    words, links = [], []

    class Reader(HTMLParser):
        def handle_data(self, data: str) -> None:
            words.append(data)

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            links.extend(value for name, value in attrs if tag == "a" and name == "href")

    Reader().feed(message(Notice(FAILED, EIGHT)).html)

    assert "the product <Tracker & Co> *is* `new`\nhere" in words
    assert {"NEEDS ATTENTION", "Run failed: 2021-06-07", "Mend it.", "Open the run"} <= set(words)
    assert links == ["https://meters.example.org/dagster/runs/1"]
