"""The options that say what generated plans are made of. ``run``, ``generate`` and ``campaign`` share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, TypeAlias

import typer

from simdsl.cli.profile import profile_names

QUICK: Final = "quick"
"""The profile that holds where none is named."""

ProfileName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help=f"What generated plans are made of: a profile, or the path of its file; else `{QUICK}`.",
        autocompletion=profile_names,
    ),
]
Steps: TypeAlias = Annotated[int | None, typer.Option("--steps", metavar="N", help="As --set steps=N.")]
Tasks: TypeAlias = Annotated[int | None, typer.Option("--tasks", metavar="N", help="As --set tasks=N.")]
PoolSize: TypeAlias = Annotated[int | None, typer.Option("--pool-size", metavar="N", help="As --set pool.size=N.")]
MaxInFlightTx: TypeAlias = Annotated[
    int | None, typer.Option("--max-in-flight-tx", metavar="N", help="As --set max_in_flight_tx=N.")
]
DdlRate: TypeAlias = Annotated[float | None, typer.Option("--ddl-rate", metavar="RATE", help="As --set ddl_rate=RATE.")]
BusyRate: TypeAlias = Annotated[float | None, typer.Option("--busy-rate", metavar="RATE", help="As --set busy_rate=RATE.")]
PanicRate: TypeAlias = Annotated[
    float | None, typer.Option("--panic-rate", metavar="RATE", help="As --set panic_rate=RATE.")
]
SleepRate: TypeAlias = Annotated[
    float | None, typer.Option("--sleep-rate", metavar="RATE", help="As --set sleep_rate=RATE.")
]
Overrides: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Turn a knob, such as weights.update=0; may be given again."),
]


def turned(
    *,
    steps: int | None,
    tasks: int | None,
    pool_size: int | None,
    max_in_flight_tx: int | None,
    ddl_rate: float | None,
    busy_rate: float | None,
    panic_rate: float | None,
    sleep_rate: float | None,
    overrides: Sequence[str] | None,
) -> tuple[str, ...]:
    """The knobs that are turned, each as ``--set`` takes it; what ``--set`` itself says comes last and counts most."""
    knobs = {
        "steps": steps,
        "tasks": tasks,
        "pool.size": pool_size,
        "max_in_flight_tx": max_in_flight_tx,
        "ddl_rate": ddl_rate,
        "busy_rate": busy_rate,
        "panic_rate": panic_rate,
        "sleep_rate": sleep_rate,
    }
    return (*(f"{knob}={value}" for knob, value in knobs.items() if value is not None), *(overrides or ()))
