"""What steps are made of: changes of a table that hold for its children as well, and leave rows and rights as they are.

What belongs here: changes that more than one step makes. What does not: names of tables, contracts.

A table that somebody dropped is passed over: it is made in its newest form when the steps are done. A column or a rule
that is there already is left, or replaced: a step that is done again changes nothing.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from alembic import op
from psycopg import sql


def exists(relation: str) -> bool:
    """Whether there is a table, view or sequence of that qualified name."""
    return _value(sql.SQL("SELECT to_regclass({})").format(relation)) is not None


def run(statement: str | sql.Composable) -> None:
    """Runs a statement, as it stands: neither `%` nor `:` means anything in it."""
    _cursor_execute(statement)


def add_column(
    table: str,
    column: str,
    kind: str,
    *,
    nullable: bool = False,
    constant: str | None = None,
    computed: str | None = None,
) -> None:
    """Adds a column as the table's last, and its children's.

    Args:
        table: qualified name.
        column: name.
        kind: Postgres type, with its collation.
        nullable: whether it may be null.
        constant: what it has in rows that are stored already, as an SQL literal: takes no time, whatever their number.
        computed: the same as an SQL expression of other columns: every row is written again.
    """
    if not exists(table):
        return
    name, columns = _identifier(table), sql.Identifier(column)
    default = sql.SQL(" DEFAULT ") + sql.SQL(constant) if constant else sql.SQL("")
    run(sql.SQL("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {} {}").format(name, columns, sql.SQL(kind)) + default)
    if constant:
        run(sql.SQL("ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT").format(name, columns))
    if computed:
        run(sql.SQL("UPDATE {0} SET {1} = {2} WHERE {1} IS NULL").format(name, columns, sql.SQL(computed)))
    if not nullable:
        run(sql.SQL("ALTER TABLE {} ALTER COLUMN {} SET NOT NULL").format(name, columns))


def replace_check(table: str, name: str, condition: str, *, of_new_rows: bool = False) -> None:
    """Gives a table, and its children, a rule for values in the place of the one of that name, if there is one.

    Every row is read, to see that it obeys; nobody else uses the table meanwhile.

    Args:
        table: qualified name.
        name: of the CHECK constraint: table, column and the rule's number (`tables.rule_name`).
        condition: what holds for a good row.
        of_new_rows: the rows that are there are known to obey, and are not read (`Table.added_later`).
    """
    if exists(table):
        run(
            sql.SQL("ALTER TABLE {0} DROP CONSTRAINT IF EXISTS {1}, ADD CONSTRAINT {1} CHECK ({2}){3}").format(
                _identifier(table),
                sql.Identifier(name),
                sql.SQL(condition),
                sql.SQL(" NOT VALID" if of_new_rows else ""),
            )
        )


def replace_key(table: str, columns: Iterable[str]) -> None:
    """Gives a table, or each child of a table that has no key of its own, another key; every row is indexed anew.

    Args:
        table: qualified name.
        columns: of the key.
    """
    if not exists(table):
        return
    keyed = _cursor_execute(
        sql.SQL(
            "SELECT nspname, relname, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid "
            "JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE contype = 'p' AND (conrelid = to_regclass({0}) "
            "OR conrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass({0}))) ORDER BY relname"
        ).format(table)
    )
    for schema, name, key in keyed:
        run(
            sql.SQL("ALTER TABLE {0} DROP CONSTRAINT {1}, ADD CONSTRAINT {1} PRIMARY KEY ({2})").format(
                sql.Identifier(schema, name), sql.Identifier(key), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
        )


def replace_view(view: str, query: str, *, of: Iterable[str]) -> None:
    """Makes a view anew, with whatever columns; who could read it still can.

    Args:
        view: qualified name.
        query: of the view.
        of: qualified names of the tables that it is made from. Where one is missing, it is left to be made later.
    """
    if not exists(view) or not all(map(exists, of)):
        run(sql.SQL("DROP VIEW IF EXISTS {}").format(_identifier(view)))
        return
    readers = _readers(view)
    run(sql.SQL("DROP VIEW {}").format(_identifier(view)))
    run(sql.SQL("CREATE VIEW {} AS {}").format(_identifier(view), sql.SQL(query)))
    _grant(view, readers)


def let_read(relations: Iterable[str], *, like: str) -> None:
    """Lets those read new tables who may read another, such as the role of typed SQL."""
    if exists(like):
        readers = _readers(like)
        for relation in relations:
            _grant(relation, readers)


def translate(table: str, column: str, codes: Mapping[str, str]) -> None:
    """Replaces codes by others, where they are the whole value.

    Args:
        table: qualified name.
        column: of texts.
        codes: new ones by old ones.
    """
    if exists(table):
        for old, new in codes.items():
            run(
                sql.SQL("UPDATE {0} SET {1} = {3} WHERE {1} = {2}").format(
                    _identifier(table), sql.Identifier(column), old, new
                )
            )


def translate_quoted(table: str, column: str, codes: Mapping[str, str], *, where: str) -> None:
    """Replaces codes by others where a text of the platform's own quotes them as words.

    Args:
        table: qualified name.
        column: of texts.
        codes: new ones by old ones.
        where: which rows have such a text, as an SQL condition: others may quote what a file said.
    """
    if exists(table):
        for old, new in codes.items():
            run(
                sql.SQL("UPDATE {0} SET {1} = regexp_replace({1}, {2}, {3}, 'g') WHERE {1} ~ {2} AND ({4})").format(
                    _identifier(table), sql.Identifier(column), rf"\m{old}\M", new, sql.SQL(where)
                )
            )


def _identifier(qualified: str) -> sql.Identifier:
    return sql.Identifier(*qualified.split("."))


def _readers(relation: str) -> list[str]:
    """The roles that were granted to read a relation, apart from its owner."""
    return [
        grantee
        for (grantee,) in _cursor_execute(
            sql.SQL(
                "SELECT rolname FROM pg_class, aclexplode(relacl) AS granted JOIN pg_roles ON pg_roles.oid = grantee "
                "WHERE pg_class.oid = to_regclass({}) AND privilege_type = 'SELECT' AND grantee <> relowner ORDER BY 1"
            ).format(relation)
        )
    ]


def _grant(relation: str, readers: Iterable[str]) -> None:
    for reader in readers:
        run(sql.SQL("GRANT SELECT ON {} TO {}").format(_identifier(relation), sql.Identifier(reader)))


def _value(query: sql.Composable) -> Any:  # noqa: ANN401 - any type
    return _cursor_execute(query)[0][0]


def _cursor_execute(statement: str | sql.Composable) -> list[tuple[Any, ...]]:
    """Runs a statement on the driver's connection, in the transaction of the step, and returns its rows."""
    # SQLAlchemy would take `:name` in a statement for a parameter.
    driver: psycopg.Connection[Any] = op.get_bind().connection.driver_connection  # type: ignore[assignment] # it is psycopg's
    cursor = driver.execute(sql.SQL(statement) if isinstance(statement, str) else sql.Composed([statement]))
    return cursor.fetchall() if cursor.description else []
