"""What each command accepts and what its help says: the request classes.

The docstring of a class is the help of its command, and its first paragraph the line in ``simdsl --help``. The fields are
its options. Defining the classes must stay cheap, since every start does it: nothing that does work is imported here.
"""

# Annotations are evaluated where they stand, as ``options`` explains: no ``from __future__ import annotations`` here.

from typing import Annotated, Final

from simdsl.cli.option_groups import (
    BUGBASE_DIR,
    DEFAULT_BUGBASE,
    DOUBLECHECK,
    FAILURE,
    HEALTH,
    ISOLATED,
    JSON,
    JSON_RESULT,
    MIN_ASSERTIONS,
    OUTPUT,
    OUTPUT_FILE,
    PATHS,
    PROPERTIES,
    REPORTS,
    SHRINK_FOR,
    SHRINK_ROUNDS,
    WHAT,
    WHERE,
    BackendOptions,
    ComparisonOptions,
    ProfileOptions,
    ScheduleOptions,
    SeedOption,
    ServerOptions,
)
from simdsl.cli.options import Option, Request


class RunRequest(ComparisonOptions, ScheduleOptions, ProfileOptions):
    """Run plans and check what they expect.

    PATHS are plan files, directories and patterns; FILE:LINE runs a plan up to the step at that line. All plans are
    loaded first: if one is invalid, every problem of every plan is reported and nothing runs.
    """

    paths: Annotated[tuple[str, ...], PATHS] = ()
    generate: Annotated[
        bool,
        Option(
            "--generate",
            panel=WHAT,
            help="Run generated plans of a profile instead of PATHS, one for each seed.",
            listener=HEALTH,
        ),
    ] = False
    properties: Annotated[tuple[str, ...], PROPERTIES] = ()
    runs: Annotated[
        int | None,
        Option(
            "--runs",
            metavar="N",
            minimum=1,
            panel=WHAT,
            help="Use N seeds: generate N plans (default 3, of each property), or run PATHS N times with a new seed each.",
        ),
    ] = None
    loop: Annotated[int | None, Option("--loop", metavar="N", minimum=1, panel=WHAT, hidden=True)] = None
    keyword: Annotated[
        str | None,
        Option(
            "-k",
            metavar="EXPR",
            panel=WHAT,
            help="Run only plans whose name or file contains this, such as `pool and not slow`.",
        ),
    ] = None
    tags: Annotated[
        tuple[str, ...],
        Option("--tag", metavar="EXPR", panel=WHAT, help="Run only plans with this tag; repeatable, any of them matches."),
    ] = ()
    list_only: Annotated[bool, Option("--list", panel=WHAT, help="List the selected plans and exit.")] = False
    stop_early: Annotated[bool, Option("-x", panel=WHAT, help="Stop after the first plan that fails.")] = False
    maxfail: Annotated[
        int | None, Option("--maxfail", metavar="N", minimum=1, panel=WHAT, help="Stop after N plans have failed.")
    ] = None
    isolated: Annotated[bool, ISOLATED] = False
    doublecheck: Annotated[bool, DOUBLECHECK] = False
    reset_tables: Annotated[
        tuple[str, ...],
        Option("--reset-table", metavar="NAME", panel=WHERE, help="Empty this table before each setup; repeatable."),
    ] = ()
    reset_mode: Annotated[
        str | None,
        Option(
            "--reset-mode",
            metavar="MODE",
            panel=WHERE,
            help="How --reset-table empties a table: `delete` (default), `truncate` or `recreate`.",
        ),
    ] = None
    show_sql: Annotated[
        bool,
        Option(
            "--show-sql",
            panel=OUTPUT,
            help="Show the SQL sent for each statement that is translated.",
            listener="simdsl.cli.run_files:ShowSql",
        ),
    ] = False
    min_assertions: Annotated[int | None, MIN_ASSERTIONS] = None
    trace: Annotated[
        str | None,
        Option(
            "--trace",
            metavar="FILE",
            panel=REPORTS,
            help="Write every event of every run as JSON lines.",
            listener="simdsl.cli.run_files:TraceFile",
        ),
    ] = None
    dump: Annotated[
        str | None,
        Option(
            "--dump-plan-on-failure",
            metavar="FILE",
            panel=FAILURE,
            help="Write the failing run as a plan that replays it exactly.",
            listener="simdsl.cli.run_files:FailureDump",
        ),
    ] = None
    unroll: Annotated[
        str | None,
        Option(
            "--unroll",
            metavar="FILE",
            panel=REPORTS,
            help="Write the first failing run, or else the first run, as a plan with a single order of `steps:`.",
            listener="simdsl.cli.run_files:UnrolledRun",
        ),
    ] = None
    bugbase: Annotated[str | None, BUGBASE_DIR] = None
    shrink: Annotated[
        bool,
        Option(
            "--shrink-on-failure",
            panel=FAILURE,
            help="Shrink each failing plan to the smallest one with the same failure, and show it.",
            listener="simdsl.cli.shrink:ShrinkOnFailure",
        ),
    ] = False
    shrink_rounds: Annotated[int | None, SHRINK_ROUNDS] = None
    shrink_for: Annotated[str | None, SHRINK_FOR] = None
    accept: Annotated[
        bool,
        Option(
            "--accept",
            panel=FAILURE,
            help="Update expectations that fail to what the database returned, in the plan files.",
            listener="simdsl.cli.run_files:AcceptExpectations",
        ),
    ] = False
    junit: Annotated[
        str | None,
        Option(
            "--junit",
            metavar="FILE",
            panel=REPORTS,
            help="Write JUnit XML with a test case for each plan.",
            listener="simdsl.cli.run_files:JUnitFile",
        ),
    ] = None
    html: Annotated[
        str | None,
        Option(
            "--html",
            metavar="FILE",
            panel=REPORTS,
            help="Write an HTML page that shows the runs as timelines, with a lane for each task.",
            listener="simdsl.cli.run_files:HtmlFile",
        ),
    ] = None
    html_passing: Annotated[
        int | None,
        Option(
            "--html-passing", metavar="N", minimum=0, panel=REPORTS, help="Show at most N passing runs there (default 20)."
        ),
    ] = None
    github: Annotated[
        bool | None,
        Option(
            "--github",
            off="--no-github",
            panel=REPORTS,
            help="Write annotations and a job summary for GitHub Actions (default: if GITHUB_ACTIONS is `true`).",
            listener="simdsl.cli.run_files:GitHubAnnotations",
        ),
    ] = None
    quiet: Annotated[
        bool, Option("--quiet", "-q", panel=OUTPUT, help="Show only failures, warnings and the final counts.")
    ] = False
    verbose: Annotated[
        int, Option("--verbose", "-v", counts=True, panel=OUTPUT, help="Show a line for each run; -vv: its steps as well.")
    ] = 0
    json: Annotated[bool, JSON] = False

    @property
    def is_generated(self) -> bool:
        """Whether plans are generated instead of read from files."""
        return self.generate or bool(self.properties)

    @property
    def is_repeated(self) -> bool:
        """Whether the whole call is made several times, with a new seed each."""
        return self.loop is not None or (self.runs is not None and not self.is_generated)

    @property
    def failure_limit(self) -> int | None:
        """After how many failing plans the call stops."""
        return 1 if self.stop_early else self.maxfail


OUTPUT_FORMAT: Final = Option(
    "--output-format",
    metavar="FORMAT",
    choices=("text", "json", "github"),
    help="Print diagnostics as text, json or github.",
)


class CheckRequest(Request):
    """Check plans for mistakes without a database.

    PATHS are plan files, directories and patterns; - is standard input. Exits with 2 if there is an error; warnings are
    only shown.
    """

    paths: Annotated[tuple[str, ...], PATHS] = ()
    stdin_filename: Annotated[
        str | None,
        Option("--stdin-filename", metavar="NAME", help="File name of standard input in messages; `.json` makes it JSON."),
    ] = None
    output_format: Annotated[str, OUTPUT_FORMAT] = "text"


class FmtRequest(Request):
    """Format plans, keeping their comments.

    PATHS are plan files, directories and patterns; - reads standard input and writes standard output. A file that is not a
    valid plan is left unchanged, and the exit code is 2.
    """

    paths: Annotated[tuple[str, ...], PATHS] = ()
    check: Annotated[bool, Option("--check", help="Change nothing; exit with 1 if a file would change.")] = False
    diff: Annotated[
        bool, Option("--diff", help="Change nothing; show the differences. Exit codes are those of --check.")
    ] = False


class InitRequest(Request):
    """Write a first plan that passes, and the JSON Schema that editors use for completion.

    The default FILE is first.yaml. Existing files are never overwritten.
    """

    file: Annotated[str, Option(metavar="FILE", help="The plan file to write.")] = "first.yaml"


PROFILE: Final = Option(metavar="NAME", help="A profile, or the path of its file.", completion="profile")


class SchemaRequest(Request):
    """Print a JSON Schema.

    For an editor: simdsl schema plan > plan.schema.json
    """

    subject: Annotated[
        str, Option(metavar="plan|profile|trace", choices=("plan", "profile", "trace"), help="The format to describe.")
    ]


class GenerateRequest(ProfileOptions, SeedOption):
    """Generate a plan and print it.

    The same profile, knobs and seed always give the same plan; so do the same property and seed. Every step has its
    expectation. A plan of a property also says `properties: [NAME]`, which makes every run check that property. Without
    a profile and knobs, the property decides the size.
    """

    property: Annotated[
        str | None,
        Option(
            "--property",
            metavar="NAME",
            panel=WHAT,
            help="Generate a plan that checks this property.",
            completion="property",
        ),
    ] = None
    output: Annotated[str | None, OUTPUT_FILE] = None


class CampaignRequest(ComparisonOptions, ProfileOptions):
    """Run generated plans of many seeds in parallel and store the bugs.

    Every distinct bug is stored once, counted and shrunk. A plan that crashes or hangs its process is a bug too. Run the
    same command again to resume an interrupted campaign. Ctrl-C stops after the current plans, a second one at once.
    """

    seeds: Annotated[
        str,
        Option(
            "--seeds", metavar="FIRST..LAST", panel=WHAT, help="Seeds to run, both ends included; a number N means 1..N."
        ),
    ]
    properties: Annotated[tuple[str, ...], PROPERTIES] = ()
    jobs: Annotated[
        int | None,
        Option(
            "--jobs", "-j", metavar="N", minimum=1, panel=WHERE, help="Number of worker processes (default: one per CPU)."
        ),
    ] = None
    cluster: Annotated[
        str | None,
        Option(
            "--cluster", metavar="ADDRESS", panel=WHERE, help="Use the workers of this dask scheduler, `tcp://HOST:PORT`."
        ),
    ] = None
    time: Annotated[
        str | None, Option("--time", metavar="DURATION", panel=WHAT, help="Stop after this time, such as `10m`.")
    ] = None
    bugbase: Annotated[str, BUGBASE_DIR] = DEFAULT_BUGBASE
    min_assertions: Annotated[int, MIN_ASSERTIONS] = 1
    shrink: Annotated[bool, Option("--shrink", off="--no-shrink", panel=FAILURE, help="Shrink each new bug.")] = True
    shrink_for: Annotated[str, SHRINK_FOR] = "30s"
    hang_after: Annotated[
        str,
        Option(
            "--hang-after",
            metavar="DURATION",
            panel=FAILURE,
            help="Treat a plan as hung, and end its process, after this time without any progress.",
        ),
    ] = "60s"
    journal: Annotated[
        str | None,
        Option(
            "--journal",
            metavar="FILE",
            panel=OUTPUT,
            help="Record finished seeds in this file (default: a file below `.simdsl/campaigns`).",
        ),
    ] = None
    fresh: Annotated[bool, Option("--fresh", panel=OUTPUT, help="Ignore the journal and restart.")] = False
    json: Annotated[bool, JSON] = False


class ShrinkRequest(ComparisonOptions, ScheduleOptions):
    """Shrink a failing plan to the smallest one with the same failure.

    The plan is run until it fails; then tasks, transactions, steps, rows, clauses and values are removed as long as the
    failure stays the same. The result is one order of steps. Ctrl-C prints the best result so far.
    """

    path: Annotated[str, Option(metavar="PLAN", help="A failing plan; `-` reads standard input.")]
    holds_on: Annotated[
        str | None,
        Option(
            "--passes-on",
            metavar="URL",
            panel=WHERE,
            aliases=("--holds-on",),
            help="Accept only candidates that pass on this backend, which rules out plans that make no sense.",
        ),
    ] = None
    isolated: Annotated[bool, ISOLATED] = False
    doublecheck: Annotated[bool, DOUBLECHECK] = False
    shrink_rounds: Annotated[int | None, SHRINK_ROUNDS] = None
    shrink_for: Annotated[str | None, SHRINK_FOR] = None
    runs: Annotated[
        int,
        Option(
            "--runs",
            metavar="N",
            minimum=1,
            panel=FAILURE,
            aliases=("--repeats",),
            help="Run a plan up to N times to see it fail; raise it for a flaky failure.",
        ),
    ] = 10
    bugbase: Annotated[str | None, BUGBASE_DIR] = None
    output: Annotated[str | None, OUTPUT_FILE] = None


BUGBASE: Final = Option("--bugbase-dir", metavar="DIR", help="The directory of the bug base.")
BUG: Final = Option(metavar="BUG", help="The name of a bug, or the beginning of only one name.")


class BugsListRequest(Request):
    """List the stored bugs.

    Exits with 2 if a directory in the bug base is damaged or is not a bug; the others are still listed.
    """

    bugbase: Annotated[str, BUGBASE] = DEFAULT_BUGBASE
    json: Annotated[bool, JSON_RESULT] = False


class BugsShowRequest(Request):
    """Show everything stored about a bug: the failure, where and when it was seen, and its files."""

    bug: Annotated[str, BUG]
    bugbase: Annotated[str, BUGBASE] = DEFAULT_BUGBASE
    json: Annotated[bool, JSON_RESULT] = False


class BugsReplayRequest(ServerOptions):
    """Run stored bugs again and report FIXED, FAILED or ERROR for each.

    Exits with 0 if every bug is FIXED, or FAILED and known; with 1 if any other bug FAILED or a plan fails in another way;
    with 3 if a backend is unavailable; with 5 if a bug has no answer, or there are no bugs.
    """

    bugs: Annotated[
        tuple[str, ...], Option(metavar="BUGS", help="Names of bugs, or their beginnings (default: all bugs).")
    ] = ()
    backends: Annotated[
        tuple[str, ...],
        Option(
            "--backend",
            "-b",
            metavar="URL",
            panel=WHERE,
            help="Run on this backend instead of the stored one; repeat it for each backend of a comparison.",
        ),
    ] = ()
    shrunk: Annotated[bool, Option("--shrunk", panel=WHAT, help="Run the shrunk plans where they exist.")] = False
    runs: Annotated[
        int,
        Option(
            "--runs",
            metavar="N",
            minimum=1,
            panel=WHAT,
            aliases=("--repeats",),
            help="Run each plan up to N times to see it fail; raise it for flaky failures.",
        ),
    ] = 1
    update: Annotated[
        bool,
        Option("--update", panel=OUTPUT, help="Mark FIXED bugs as fixed, and count and reopen those that FAILED."),
    ] = False
    bugbase: Annotated[str, BUGBASE] = DEFAULT_BUGBASE
    json: Annotated[bool, JSON_RESULT] = False


class BugsMarkRequest(Request):
    """Set the state of a bug: open, known or fixed.

    A known bug is expected to fail. A fixed bug must pass, and is reopened if it is found again.
    """

    bug: Annotated[str, BUG]
    state: Annotated[str, Option(metavar="STATE", choices=("open", "known", "fixed"), help="open, known or fixed.")]
    why: Annotated[str | None, Option("--why", metavar="TEXT", help="The reason; required for a known bug.")] = None
    bugbase: Annotated[str, BUGBASE] = DEFAULT_BUGBASE


class BugsPruneRequest(Request):
    """Remove fixed bugs from the bug base.

    Prints the name of each. Dates are in UTC, such as 2025-01-31. A damaged directory is left alone, and the exit code is 2.
    """

    not_seen_since: Annotated[
        str | None,
        Option("--not-seen-since", metavar="DATE", help="Also remove open and known bugs last seen before this date."),
    ] = None
    dry_run: Annotated[bool, Option("--dry-run", help="Only show what would be removed.")] = False
    bugbase: Annotated[str, BUGBASE] = DEFAULT_BUGBASE


class ExplainRequest(BackendOptions):
    """Explain a diagnostic code, with an example and the correction.

    For a property, show its specification. For a plan file, show each statement as written and as it is sent to the
    backend; nothing is run.
    """

    subject: Annotated[
        str | None,
        Option(
            metavar="CODE",
            help="A code such as G201, a property or a plan file; without it, all codes are listed.",
            completion="code",
        ),
    ] = None


class PropertiesRequest(Request):
    """List the properties that generated plans can check.

    `simdsl explain NAME` shows the full specification of one. Properties of installed packages come last.
    """

    json: Annotated[bool, Option("--json", help="Print JSON, with the full specification of each property.")] = False


class BackendsRequest(Request):
    """List the backends: version, capabilities, and whether each is available."""


class ProfileListRequest(Request):
    """List the available profiles.

    Profiles are found in ./profiles and among those bundled with simdsl. Exits with 2 if one of them is invalid.
    """

    json: Annotated[bool, Option("--json", help="Print JSON: name, description and file of each.")] = False


class ProfileShowRequest(Request):
    """Show a profile with everything that it extends.

    Its own values override those it extends, those override the defaults, and --set overrides all. A comment behind each
    value says where it comes from. The output is itself a profile.
    """

    name: Annotated[str, PROFILE]
    overrides: Annotated[tuple[str, ...], ProfileOptions.fields["overrides"].option] = ()
    json: Annotated[bool, Option("--json", help="Print JSON: the profile and the origin of each value.")] = False


class ProfileCheckRequest(Request):
    """Check profiles for mistakes.

    The profiles that they extend are checked too. PATHS are profile files, directories and patterns; - is standard input.
    Plans that lie beside profiles are skipped. Exits with 2 if there is an error.
    """

    paths: Annotated[tuple[str, ...], PATHS] = ()
    output_format: Annotated[str, OUTPUT_FORMAT] = "text"
