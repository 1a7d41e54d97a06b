"""Patterns of paths: which files they take, and the same in Postgres' language of regular expressions."""

import pytest

from meter_platform.feeds.patterns import Pattern


@pytest.mark.parametrize(
    ("pattern", "path", "said"),
    [
        ("*.csv", "a.csv", {}),
        ("*.csv", "2021/06/a.csv", {}),
        ("*.csv", "a.csv.gz", {}),
        ("*.csv", "a.csv.zst", {}),
        ("*.csv", "a.CSV", None),
        ("*.csv", "a.csv.bz2", None),
        ("smets1/*.json", "smets1/a.json", {}),
        ("smets1/*.json", "x/smets1/a.json", None),
        ("smets1/*.json", "smets1/2021/a.json", None),
        ("smets1/**/*.json", "smets1/2021/06/a.json", {}),
        ("smets1/**/*.json", "smets1/a.json", {}),
        ("a?.json", "ab.json", {}),
        ("a?.json", "a/b.json", None),
        ("o/{meterpoint}/{serial}/*.json", "o/123/S-1/p1.json.gz", {"meterpoint": "123", "serial": "S-1"}),
        ("{meterpoint}_{register}.csv", "x/10_export.csv", {"meterpoint": "10", "register": "export"}),
        ("a+b(1).csv", "a+b(1).csv", {}),
        ("a.csv", "axcsv", None),
    ],
)
def test_a_pattern_takes_a_path_and_says_what_stands_in_it(
    pattern: str, path: str, said: dict[str, str] | None
) -> None:
    assert Pattern(pattern).match(path) == said


@pytest.mark.parametrize(
    "text", ["", "/abs/*.csv", "s3://bucket/*.csv", "a//b.csv", "../b.csv", "{mpan}/*.csv", "{", "{serial}{serial}"]
)
def test_what_can_be_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"it is|its parts|means nothing|stands in it"):
        Pattern(text)
