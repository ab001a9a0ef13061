"""Tables in a pipe are as wide as their content."""

from rich.table import Table

from bench.console import make_console

WIDE = "a cell that is wider than eighty columns " * 4


def printed(capsys):
    table = Table("name [eV]", "value")
    table.add_row(WIDE, "1.25")
    make_console().print(table)
    return capsys.readouterr().out


def test_nothing_is_cut_without_a_terminal(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    said = printed(capsys)
    assert WIDE.strip() in said and "1.25" in said and "name [eV]" in said
    assert max(map(len, said.splitlines())) < 200  # no wider than needed


def test_columns_are_kept_where_they_are_asked_for(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, printed(capsys).splitlines())) <= 60
