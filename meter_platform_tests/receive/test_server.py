"""The command `receive`: what it needs, and how it ends."""

import importlib.util
from pathlib import Path

import pytest

from meter_platform.errors import PermanentError, SettingsError
from meter_platform.receive import extra
from meter_platform.receive.server import landing_folder, receive
from meter_platform.settings import Settings


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "paho" else found(name))

    with pytest.raises(PermanentError, match=r"meter-platform\[receive\]"):
        extra.make_sure_is_installed()


def test_it_receives_into_a_local_folder_alone(tmp_path: Path) -> None:
    assert landing_folder(Settings(readings_url=str(tmp_path))) == tmp_path / "received"
    for url in (None, "memory://deliveries"):
        with pytest.raises(SettingsError, match="METER_PLATFORM_READINGS_URL"):
            landing_folder(Settings(readings_url=url))


def test_nobody_may_send_anything_unless_it_is_said_who(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="METER_PLATFORM_RECEIVE_TOKENS for HTTP"):
        receive(Settings(readings_url=str(tmp_path)), host="127.0.0.1", port=0, listening=print)

    assert list(tmp_path.iterdir()) == [], "nothing was made"
