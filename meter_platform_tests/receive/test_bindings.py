"""What is bound to topics and feeds: what may be written, and what is said of the rest."""

from pathlib import Path

import pytest

from meter_platform.errors import SettingsError
from meter_platform.feeds.configured import NO_FEEDS
from meter_platform.feeds.topics import Topic
from meter_platform.receive.bindings import bindings
from meter_platform.receive.feed_files import FeedFiles, NoPlaceError
from meter_platform.receive.server import receive
from meter_platform.settings import Settings
from meter_platform_tests.feeds.configured import feeds


def toml(topics: str, paths: str = "esb/**/*.csv") -> str:
    return f"""[feeds.esb]
    format = "csv"
    paths = "{paths}"
    topics = {topics}
    columns = {{ meterpoint = 1, time = 2, value = 3 }}
    """


def test_feeds_are_bound_before_what_the_variable_says(tmp_path: Path) -> None:
    found = bindings("homes=meters/+/readings", feeds(tmp_path, toml('["esb/{serial}/csv", "esb/#"]')))

    assert [(each.sender, each.topic.filter, each.is_feed) for each in found] == [
        ("esb", "esb/+/csv", True),
        ("esb", "esb/#", True),
        ("homes", "meters/+/readings", False),
    ]
    assert found[0].topic.said("esb/123/csv") == {"serial": "123"}


@pytest.mark.parametrize("given", ["", "meters/#", "UP=meters/#", "homes=", "a=b c", "a=b/{serial}", "a=b#", "a=#/b"])
def test_topics_that_are_none_are_told(given: str) -> None:
    with pytest.raises(SettingsError, match="METER_PLATFORM_RECEIVE_MQTT_TOPICS"):
        bindings(given, NO_FEEDS)


@pytest.mark.parametrize(
    ("topics", "paths", "said"),
    [
        ('["esb/#/csv"]', "esb/**/*.csv", "key 'topics.0': it is a topic such as"),
        ('["esb+/csv"]', "esb/**/*.csv", "key 'topics.0': it is a topic such as"),
        ('["esb/{mpan}"]', "esb/**/*.csv", "key 'topics.0': {mpan} means nothing: there are {meterpoint}, "),
        ('[""]', "esb/**/*.csv", "key 'topics.0': it is a topic such as"),
        ('["{serial}/{serial}"]', "esb/**/*.csv", "key 'topics.0': {serial} stands in it once"),
        ("3", "esb/**/*.csv", "key 'topics'"),
        ('"esb/+/csv"', "esb/{serial}-*.csv", "key 'topics': 'esb/\\+/csv' does not say the serial"),
        ('"esb/+/csv"', "esb/*/*.csv", "key 'topics': messages need a place"),
        ('"esb/+/csv"', "esb/today.csv", "key 'topics': messages need a place"),
    ],
)
def test_a_wrong_binding_is_named_by_file_feed_and_key(tmp_path: Path, topics: str, paths: str, said: str) -> None:
    with pytest.raises(SettingsError, match=rf"{tmp_path.name}\.toml, feed 'esb', {said}"):
        feeds(tmp_path, toml(topics, paths))


def test_topics_do_not_change_how_files_are_read(tmp_path: Path) -> None:
    bound, free = (feeds(tmp_path, toml(topics)).named for topics in ('"a/b"', "[]"))
    assert bound is not None
    assert free is not None
    assert bound["esb"].digest == free["esb"].digest


def test_what_no_feed_would_read_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "feeds.toml").write_text(toml("[]"))
    settings = Settings(
        readings_url=str(tmp_path / "in"),
        feeds=tmp_path / "feeds.toml",
        receive_mqtt_url="mqtt://localhost:1",
        receive_mqtt_topics="homes=meters/#",
    )
    with pytest.raises(
        SettingsError, match=r"nobody would read. No feed takes received/homes/.*paths received/\*\*/\*.json"
    ):
        receive(settings, host="127.0.0.1", port=0, listening=print)


@pytest.mark.parametrize(
    ("feed", "said", "why"),
    [
        ("none", {}, "no feed of that name"),
        ("esb", {}, "The serial is not said"),
        ("esb", {"serial": "../.."}, "The serial is not of letters"),
        ("esb", {"serial": ""}, "The serial is not of letters"),
        ("late", {}, "Another feed would take"),
        ("fixed", {}, "leaves open where a file goes"),
    ],
)
def test_a_file_without_a_place_is_refused(tmp_path: Path, feed: str, said: dict[str, str], why: str) -> None:
    of = feeds(
        tmp_path,
        toml("[]", "esb/{serial}/*.csv")
        + """
        [feeds.fixed]
        format = "nem12"
        paths = "today.csv"
        [feeds.all]
        format = "nem12"
        paths = "*.csv"
        [feeds.late]
        format = "nem12"
        paths = "late/*.csv"
        """,
    )
    with pytest.raises(NoPlaceError, match=why):
        FeedFiles(tmp_path, of).put(feed, "homes", said, b"1,2,3")
    assert list(tmp_path.rglob("*.csv")) == []


@pytest.mark.parametrize("topic", ["meters/+/readings", "#", "+", "/a", "a//b", "a/{meterpoint}/{register}/#"])
def test_topics_as_brokers_have_them(topic: str) -> None:
    assert Topic(topic).filter == topic.replace("{meterpoint}", "+").replace("{register}", "+")
