"""The options that commands share, written once: each group is a base class of the requests that have it."""

# No postponed annotations: see ``options``.

from typing import Annotated, Any, Final

from simdsl.cli.options import Option, Request

WHAT: Final = "What to run"
WHERE: Final = "Where to run it"
SERVERS: Final = "Connection details, instead of a URL"
SCHEDULE: Final = "Schedule and seed"
GENERATION: Final = "Generated plans"
REPORTS: Final = "Reports"
FAILURE: Final = "On failure"
OUTPUT: Final = "Output"
PANELS: Final = (WHAT, WHERE, SERVERS, SCHEDULE, GENERATION, REPORTS, FAILURE, OUTPUT)
"""The headings under which help lists options, in their order."""

QUICK: Final = "quick"
"""The profile that is used if none is named."""

DEFAULT_BUGBASE: Final = ".simdsl/bugs"

HEALTH: Final = "simdsl.cli.run_files:GenerationHealth"
"""What listens to the runs of generated plans: it counts what they exercised."""

PATHS: Final = Option(metavar="PATHS")
DIFFERENTIAL: Final = Option(
    "--differential",
    "-d",
    metavar="URL",
    panel=WHERE,
    help="Run on this backend as well and compare the outcomes; repeatable.",
)
ISOLATED: Final = Option(
    "--isolated",
    "--subprocess",
    panel=WHERE,
    help="Run plans in a subprocess: if a driver crashes or hangs, the plan fails and the next ones still run. "
    "It has nothing to do with isolation levels.",
)
DOUBLECHECK: Final = Option(
    "--doublecheck",
    panel=WHERE,
    help="Check determinism: run each plan in a second process as well, with another hash seed; the traces must be equal.",
)
PROPERTIES: Final = Option(
    "--property",
    metavar="NAME",
    panel=WHAT,
    help="Run generated plans that check this property; repeatable; `all` selects every property.",
    completion="property",
    listener=HEALTH,
)
SHRINK_FOR: Final = Option(
    "--shrink-for",
    metavar="DURATION",
    panel=FAILURE,
    aliases=("--for",),
    help="Stop shrinking a plan after this time, such as `30s`.",
)
SHRINK_ROUNDS: Final = Option(
    "--shrink-max-rounds",
    metavar="N",
    minimum=1,
    panel=FAILURE,
    aliases=("--max-rounds",),
    help="Stop shrinking a plan after trying N smaller candidates.",
)
BUGBASE_DIR: Final = Option(
    "--bugbase-dir",
    metavar="DIR",
    panel=FAILURE,
    help="The directory of the bug base, which stores each distinct failure; see `simdsl bugs`.",
    listener="simdsl.cli.bugs:BugRecorder",
)
MIN_ASSERTIONS: Final = Option(
    "--min-assertions",
    metavar="N",
    minimum=1,
    panel=GENERATION,
    aliases=("--min-judged",),
    help="Exit with 5 if generated plans evaluated fewer assertions, in total or for any one property (default 1).",
)
JSON: Final = Option("--json", panel=OUTPUT, help="Print events as JSON lines on standard output and nothing else there.")
JSON_RESULT: Final = Option("--json", panel=OUTPUT, help="Print JSON.")
OUTPUT_FILE: Final = Option(
    "--output",
    "-o",
    metavar="FILE",
    panel=OUTPUT,
    help="Write the plan to this file, as JSON if its name ends in `.json` and as YAML otherwise.",
)


class ServerOptions(Request):
    """Where a backend is, instead of a URL: the options that psql, sqlcmd and their users know."""

    pg_host: Annotated[
        str | None,
        Option(
            "--pg-host", metavar="HOST", panel=SERVERS, help="With `--backend postgres`: host name, or socket directory."
        ),
    ] = None
    pg_port: Annotated[int | None, Option("--pg-port", metavar="N", panel=SERVERS, help="PostgreSQL port.")] = None
    pg_dbname: Annotated[
        str | None,
        Option(
            "--pg-dbname",
            metavar="NAME",
            panel=SERVERS,
            help="Maintenance database to connect to; each run creates its own database beside it.",
        ),
    ] = None
    pg_user: Annotated[str | None, Option("--pg-user", metavar="NAME", panel=SERVERS, help="PostgreSQL role.")] = None
    pg_password: Annotated[
        str | None,
        Option(
            "--pg-password",
            metavar="TEXT",
            panel=SERVERS,
            help="PostgreSQL password. Other users can see a command line; `PGPASSWORD` in the environment is safer.",
        ),
    ] = None
    turso_db_path: Annotated[
        str | None,
        Option("--turso-db-path", metavar="FILE", panel=SERVERS, help="With `--backend turso`: use this database file."),
    ] = None
    mssql_host: Annotated[
        str | None, Option("--mssql-host", metavar="HOST", panel=SERVERS, help="With `--backend mssql`: host name.")
    ] = None
    mssql_port: Annotated[int | None, Option("--mssql-port", metavar="N", panel=SERVERS, help="SQL Server port.")] = None
    mssql_dbname: Annotated[
        str | None,
        Option("--mssql-dbname", metavar="NAME", panel=SERVERS, help="SQL Server database to connect to first."),
    ] = None
    mssql_user: Annotated[str | None, Option("--mssql-user", metavar="NAME", panel=SERVERS, help="SQL Server login.")] = None
    mssql_password: Annotated[
        str | None,
        Option(
            "--mssql-password", metavar="TEXT", panel=SERVERS, variable="SIMDSL_MSSQL_PASSWORD", help="SQL Server password."
        ),
    ] = None
    mssql_driver: Annotated[
        str | None,
        Option(
            "--mssql-driver", metavar="NAME", panel=SERVERS, help="ODBC driver, by the name under which it is installed."
        ),
    ] = None

    def server_options(self) -> dict[str, str | int]:
        """The options of this group that are given, by their names without dashes in front: ``pg-host``."""
        # Only the fields of this group; the request of a command has more.
        given = {name.replace("_", "-"): getattr(self, name) for name in ServerOptions.fields}
        if self.mssql_host is None:
            given.pop("mssql-password")  # its environment variable alone does not ask for a SQL Server
        return {name: value for name, value in given.items() if value is not None}


class BackendOptions(ServerOptions):
    """The backend to run on."""

    backend: Annotated[
        str,
        Option(
            "--backend",
            "-b",
            metavar="URL",
            panel=WHERE,
            variable="SIMDSL_BACKEND",
            help="The database to run on, such as `sqlite`, `postgres` or a URL; see `simdsl backends`.",
        ),
    ] = "sqlite"


class ComparisonOptions(BackendOptions):
    """The backend to run on, and those to compare it with."""

    differential: Annotated[tuple[str, ...], DIFFERENTIAL] = ()


class SeedOption(Request):
    """The seed of a call."""

    seed: Annotated[
        int | None,
        Option(
            "--seed",
            metavar="N",
            panel=SCHEDULE,
            help="Seed of every random choice (default: the one in the plan or profile, else a new one, which is printed).",
        ),
    ] = None


class ScheduleOptions(SeedOption):
    """Which of a plan's runs are made."""

    schedule: Annotated[
        str | None,
        Option(
            "--schedule",
            metavar="TEXT",
            panel=SCHEDULE,
            help="Use this schedule instead of the plan's: `all`, task names in order such as `a b a`, or a pin `1-1-2`.",
        ),
    ] = None
    params: Annotated[
        int | None,
        Option("--params", metavar="N", minimum=1, panel=SCHEDULE, help="Use only entry N of `params:`, counted from 1."),
    ] = None


class ProfileOptions(Request):
    """What generated plans are made of: a profile, and knobs that are turned."""

    profile: Annotated[
        str | None,
        Option(
            "--profile",
            metavar="NAME",
            panel=GENERATION,
            completion="profile",
            help=f"Profile of generated plans: a name, or the path of a file (default `{QUICK}`); see `simdsl profile`.",
        ),
    ] = None
    steps: Annotated[
        int | None, Option("--steps", metavar="N", panel=GENERATION, knob="steps", help="Steps in each generated plan.")
    ] = None
    tasks: Annotated[
        int | None, Option("--tasks", metavar="N", panel=GENERATION, knob="tasks", help="Concurrent tasks in each plan.")
    ] = None
    pool_size: Annotated[
        int | None,
        Option("--pool-size", metavar="N", panel=GENERATION, knob="pool.size", help="Connections in the pool."),
    ] = None
    max_in_flight_tx: Annotated[
        int | None,
        Option(
            "--max-in-flight-tx",
            metavar="N",
            panel=GENERATION,
            knob="max_in_flight_tx",
            help="Transactions that may be open at the same time.",
        ),
    ] = None
    ddl_rate: Annotated[
        float | None,
        Option(
            "--ddl-rate",
            metavar="RATE",
            panel=GENERATION,
            knob="ddl_rate",
            help="Probability (0 to 1) of a schema change between two steps.",
        ),
    ] = None
    # Two spellings are shown: the knob's own name says what is drawn, but not what a user gets.
    hold_rate: Annotated[
        float | None,
        Option(
            "--hold-rate",
            "--busy-rate",
            metavar="RATE",
            panel=GENERATION,
            knob="busy_rate",
            help="Probability that a task holds its pooled connection while it sleeps.",
        ),
    ] = None
    rollback_rate: Annotated[
        float | None,
        Option(
            "--rollback-rate",
            "--panic-rate",
            metavar="RATE",
            panel=GENERATION,
            knob="panic_rate",
            help="Probability that a transaction is rolled back instead of committed.",
        ),
    ] = None
    sleep_rate: Annotated[
        float | None,
        Option(
            "--sleep-rate",
            metavar="RATE",
            panel=GENERATION,
            knob="sleep_rate",
            help="Probability that a task sleeps between two steps, in virtual time.",
        ),
    ] = None
    overrides: Annotated[
        tuple[str, ...],
        Option(
            "--set",
            metavar="KEY=VALUE",
            panel=GENERATION,
            help="Set any knob of the profile, such as `weights.update=0`; repeatable.",
        ),
    ] = ()

    @property
    def knobs(self) -> tuple[str, ...]:
        """All knobs that are set, as ``--set`` takes them; those of ``--set`` itself come last and take precedence."""
        values: dict[str, Any] = {
            field.option.knob: getattr(self, name) for name, field in ProfileOptions.fields.items() if field.option.knob
        }
        return (*(f"{knob}={value}" for knob, value in values.items() if value is not None), *self.overrides)

    @property
    def speaks_of_a_profile(self) -> bool:
        """Whether any option of this group is given."""
        return self.profile is not None or bool(self.knobs)
