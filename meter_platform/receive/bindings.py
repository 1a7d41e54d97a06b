"""Which messages are received, and what they are: readings in the receiver's own form, or files of a feed.

What belongs here: how topics are bound. What does not: the broker (`mqtt.py`).
"""

from dataclasses import dataclass

from meter_platform.errors import SettingsError
from meter_platform.feeds.configured import Feeds
from meter_platform.feeds.topics import Topic
from meter_platform.receive.senders import is_name
from meter_platform.settings import variable


@dataclass(frozen=True, slots=True)
class Binding:
    """Some topics.

    Attributes:
        topic: which.
        sender: whose messages they are; the feed's name where they are its files.
        is_feed: a message is a file of the feed of that name.
    """

    topic: Topic
    sender: str
    is_feed: bool


def bindings(given: str, feeds: Feeds) -> list[Binding]:
    """All that is subscribed to; a message belongs to the first that it matches. Feeds come first.

    Args:
        given: `name=topic`, with blanks between them; a topic may have wildcards (`homes=meters/+/readings`).
        feeds: those with `topics` are bound to them.

    Raises:
        SettingsError: nothing is bound, or it is written wrongly.
    """
    of_feeds = [
        Binding(topic, name, is_feed=True) for name, feed in (feeds.named or {}).items() for topic in feed.bound_topics
    ]
    found = of_feeds + [_own(each, given) for each in given.split()]
    if not found:
        raise SettingsError(
            f"No topic is bound: set {variable('receive_mqtt_topics')}, such as homes=meters/+/readings, or the key 'topics' "
            "of a feed."
        )
    return found


def _own(each: str, given: str) -> Binding:
    name, _, topic = each.partition("=")
    try:
        bound = Topic(topic)
    except ValueError:
        bound = None
    if bound is None or bound.places or not is_name(name):
        raise SettingsError(
            f"{variable('receive_mqtt_topics')}={given!r} is not understood: write name=topic, with blanks between, such "
            "as homes=meters/+/readings. A name has small letters, digits, - and _."
        )
    return Binding(bound, name, is_feed=False)
