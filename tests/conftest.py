"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No test measures time: a machine that does other things too must not make one fail.
settings.register_profile("simdsl", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("simdsl")

# Some two hundred tests start simdsl as a process. Without bytecode each compiles 130 modules first: twice the time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
