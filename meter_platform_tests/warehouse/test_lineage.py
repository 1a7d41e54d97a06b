"""What each table is made from: the asset graph, and the rules, whose digest changes with them."""

import shutil
from pathlib import Path

import pytest

import meter_platform
from meter_platform.orchestration.composition import build_defs
from meter_platform.settings import Settings
from meter_platform.warehouse import lineage, tables


class TestWords:
    """Names that stand twice, for the sake of what must not import them, are the same."""

    def test_inputs_are_the_asset_graph(self, settings: Settings) -> None:
        kept_by_load = {"rejected_readings", "superseded_readings"}
        graph = {
            spec.key.to_user_string(): {dep.asset_key.to_user_string() for dep in spec.deps}
            for spec in build_defs(settings).resolve_all_asset_specs()
            if spec.deps and spec.key.to_user_string() not in kept_by_load
        }

        assert {table: set(inputs) for table, inputs in lineage.INPUTS.items()} == graph

    def test_tables_are_all_tables(self) -> None:
        assert sorted(lineage.EVERY_TABLE) == sorted(table.qualified_name for table in tables.TABLES)

    def test_every_computed_table_has_rules_which_are_all_there_are(self) -> None:
        modules = {path.stem for path in (Path(meter_platform.__file__).parent / "rules").glob("*.py")}

        assert lineage.RULES.keys() == lineage.INPUTS.keys()
        # Readings are none of them, and how a table follows changes does not change what it follows to.
        others = {"__init__", "deliveries", "changes"}
        assert {module for named in lineage.RULES.values() for module in named} == modules - others


class TestRules:
    @pytest.fixture
    def package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A copy of the rules."""
        shutil.copytree(Path(meter_platform.__file__).parent / "rules", tmp_path / "rules")
        (tmp_path / "warehouse").mkdir()
        monkeypatch.setattr(lineage, "__file__", str(tmp_path / "warehouse" / "lineage.py"))
        lineage._rules_of.cache_clear()  # noqa: SLF001 - as in another process
        yield tmp_path / "rules"
        lineage._rules_of.cache_clear()  # noqa: SLF001

    def change(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        lineage._rules_of.cache_clear()  # noqa: SLF001 - as in another process

    def test_another_rule_is_another_digest_of_the_tables_it_makes(self, package: Path, settings: Settings) -> None:
        before = {table: lineage.rules_digest(table, settings) for table in lineage.INPUTS}

        self.change(package / "agreements.py", "active_agreements", "agreements_in_force")

        changed = {table for table in lineage.INPUTS if lineage.rules_digest(table, settings) != before[table]}
        assert changed == set(lineage.INPUTS) - {"meterpoint_completeness"}

    def test_words_and_layout_are_no_rules(self, package: Path, settings: Settings) -> None:
        before = {table: lineage.rules_digest(table, settings) for table in lineage.INPUTS}

        for path in package.glob("*.py"):
            self.change(path, '"""', '"""Told otherwise. ')
            path.write_text(f"{path.read_text()}\n# a comment\n\n")
        lineage._rules_of.cache_clear()  # noqa: SLF001

        assert {table: lineage.rules_digest(table, settings) for table in lineage.INPUTS} == before

    def test_what_is_not_computed_has_no_rules(self, settings: Settings) -> None:
        assert lineage.rules_digest("raw_products", settings) == ""
