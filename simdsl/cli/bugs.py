"""``simdsl bugs``: what was found and stored, and whether it is still there."""

from typing import Annotated

import typer

from simdsl.bugbase.states import BugState
from simdsl.cli.exits import Exit, guarded

Directory = Annotated[str, typer.Option("--bugbase-dir", metavar="DIR", help="Where the bugs are.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Name = Annotated[str, typer.Argument(metavar="BUG", help="The name of a bug's folder, or how only that one begins.")]

DEFAULT_BUGBASE = ".simdsl/bugs"


def bugs() -> typer.Typer:
    """The commands about stored bugs, to be added to the command line."""
    app = typer.Typer(
        help="List, show, replay, mark and prune stored bugs.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("list")(guarded(bugs_list))
    app.command("show")(guarded(bugs_show))
    app.command("replay")(guarded(bugs_replay))
    app.command("mark")(guarded(bugs_mark))
    app.command("prune")(guarded(bugs_prune))
    return app


def bugs_list(directory: Directory = DEFAULT_BUGBASE, as_json: AsJson = False) -> Exit | None:
    """List the stored bugs by name.

    Exits with 2 if a folder there is no bug, or a damaged one; the others are listed all the same.
    """
    from simdsl.cli.bugbase import list_bugs

    return list_bugs(directory, as_json=as_json)


def bugs_show(name: Name, directory: Directory = DEFAULT_BUGBASE, as_json: AsJson = False) -> Exit | None:
    """Show all that is stored of a bug: what failed, where and when, and the files."""
    from simdsl.cli.bugbase import show_bug

    return show_bug(directory, name, as_json=as_json)


def bugs_replay(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[BUGS]", help="The names of bugs, or how they begin; else all.")
    ] = None,
    backend: Annotated[
        list[str] | None,
        typer.Option(
            "--backend", "-b", metavar="URL", help="Instead of the stored one; again for each that it was compared with."
        ),
    ] = None,
    shrunk: Annotated[bool, typer.Option("--shrunk", help="Run shrunk plans, where there are any.")] = False,
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=1, help="Run each up to N times: for one that seldom fails.")
    ] = 1,
    update: Annotated[
        bool, typer.Option("--update", help="Mark what is FIXED as fixed, and count and reopen what FAILED.")
    ] = False,
    directory: Directory = DEFAULT_BUGBASE,
    as_json: AsJson = False,
) -> Exit | None:
    """Run stored bugs again and say FIXED, FAILED or ERROR of each.

    Exits with 0 if each is FIXED, or FAILED and known; with 1 if another one FAILED or a plan fails in another way; with 3
    if a backend is unavailable; with 5 if nothing can be said of a bug, or there is none.
    """
    from simdsl.cli.bugbase import replay_bugs

    return replay_bugs(directory, names or (), backend or (), shrunk=shrunk, repeats=repeats, update=update, as_json=as_json)


def bugs_mark(
    name: Name,
    state: Annotated[BugState, typer.Argument(metavar="STATE", help="One of open, known and fixed.")],
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="The reason; a known bug needs one.")] = None,
    directory: Directory = DEFAULT_BUGBASE,
) -> Exit | None:
    """Say what is thought of a bug.

    A known bug may fail. A fixed one must not, and is open again when it is found again.
    """
    from simdsl.cli.bugbase import mark_bug

    return mark_bug(directory, name, state, why)


def bugs_prune(
    not_seen_since: Annotated[
        str | None,
        typer.Option("--not-seen-since", metavar="DATE", help="Remove open and known ones too that were last seen before."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    directory: Directory = DEFAULT_BUGBASE,
) -> Exit | None:
    """Remove bugs that are fixed.

    Says the name of each. DATE is such as 2025-01-31, in UTC. A damaged folder is left alone, and exits with 2.
    """
    from simdsl.cli.bugbase import prune_bugs

    return prune_bugs(directory, not_seen_since, dry_run=dry_run)
