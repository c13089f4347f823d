"""Options that say where a backend is."""

from __future__ import annotations

import pytest

from simdsl.cli.option_values import backend_url
from simdsl.cli.output import Stop
from tests.cli.conftest import Shell


@pytest.mark.parametrize(
    ("backend", "options", "url"),
    [
        ("sqlite", {}, "sqlite"),
        ("sqlite", {"pg-host": None}, "sqlite"),
        ("postgres", {"pg-host": "db", "pg-port": 5433}, "postgresql://?host=db&port=5433"),
        ("postgres", {"pg-host": "/run/pg", "pg-user": "a b"}, "postgresql://?host=%2Frun%2Fpg&user=a%20b"),
        ("postgresql", {"pg-dbname": "x", "pg-password": "p&?"}, "postgresql://?dbname=x&password=p%26%3F"),
        ("mine=postgres", {"pg-host": "db"}, "mine=postgresql://?host=db"),
        ("turso", {"turso-db-path": "a b.db"}, "turso:///a%20b.db"),
        ("turso", {"turso-db-path": "/tmp/x.db"}, "turso:////tmp/x.db"),
        ("mssql", {"mssql-host": "db"}, "mssql://db/"),
        (
            "mssql",
            {"mssql-host": "db", "mssql-port": 14, "mssql-user": "sa", "mssql-password": "p@:", "mssql-driver": "Free TDS"},
            "mssql://sa:p%40%3A@db:14/?driver=Free%20TDS",
        ),
    ],
)
def test_options_are_a_url(backend: str, options: dict[str, str | int | None], url: str) -> None:
    assert backend_url(backend, options) == url


@pytest.mark.parametrize(
    ("backend", "options"),
    [
        ("sqlite", {"pg-host": "db"}),
        ("postgres", {"turso-db-path": "x.db"}),
        ("postgresql://db/x", {"pg-host": "db"}),
        ("postgres?pool=queuepool", {"pg-host": "db"}),
        ("turso:///x.db", {"turso-db-path": "x.db"}),
    ],
)
def test_options_that_do_not_fit_the_backend(backend: str, options: dict[str, str | int | None]) -> None:
    with pytest.raises(Stop) as caught:
        backend_url(backend, options)
    assert caught.value.diagnostics[0].code.name == "U008"


def test_password_is_never_shown(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.write("p.yaml", "simdsl: 1\nplan: p\nsteps:\n  - a: SELECT 1 => 1\n")
    options = ("--backend", "postgres", "--pg-host", "/nonexistent/hush-hush", "--pg-user", "me")
    given = shell("run", "p.yaml", *options, "--pg-password", "hush-hush")
    monkeypatch.setenv("PGPASSWORD", "hush-hush")
    inherited = shell("run", "p.yaml", *options)
    for result in (given, inherited):
        assert result.code == 3
        assert "B002" in result.err
        assert "hush-hush" not in result.out + result.err
