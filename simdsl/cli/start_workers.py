"""Who does the jobs of a campaign: processes of this machine, or a cluster."""

from __future__ import annotations

import os
import sys

from simdsl.campaign.jobs import CampaignSpec, WorkerPool, WorkerPoolUnavailable
from simdsl.campaign.local_pool import LocalPool
from simdsl.cli.errors import usage
from simdsl.cli.exits import Exit, Stop
from simdsl.plan.codes import Code
from simdsl.plan.diagnostics import Diagnostic


def start_workers(work: CampaignSpec, jobs: int | None, cluster: str | None) -> WorkerPool:
    """The crew, which the caller closes. Raises ``Stop`` where a cluster cannot be used."""
    if cluster is None:
        return LocalPool(work, _processors() if jobs is None else jobs)
    if jobs is not None:
        help_ = "leave out `--jobs`: a cluster does as many jobs at once as its workers have threads"
        raise usage(Code.U008, "`--jobs` and `--cluster` do not go together", help=help_)
    try:
        from simdsl.campaign.cluster import ClusterPool
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("dask", "distributed"):
            raise
        raise _unusable("a cluster needs dask.distributed, which is not installed", "pip install 'simdsl[dask]'") from None
    try:
        return ClusterPool(cluster, work)
    except ValueError as error:
        raise usage(Code.U008, f"--cluster `{cluster}`: {error}", help="for example: --cluster tcp://host:8786") from None
    except WorkerPoolUnavailable as error:
        raise _unusable(str(error)) from None


def _unusable(message: str, help_: str | None = None) -> Stop:
    return Stop(Exit.UNAVAILABLE, Diagnostic(code=Code.K006, message=message, file="simdsl", help=help_))


def _processors() -> int:
    """How many of them this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
