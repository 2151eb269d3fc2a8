"""The table of engines, which run cells. Each entry makes an `Engine` of the options given."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from challenge.errors import Fault, WrongUse, meant
from challenge.methods.run.cluster import dask_engine
from challenge.methods.run.grid import Engine
from challenge.methods.run.local import default_jobs, local_engine

__all__ = ["ENGINES", "engine_named"]


def _local(address: str | None, jobs: int | None, threads: int) -> Engine:
    if address is not None:
        raise _clash("--engine local", "no --address", "add --engine dask")
    return local_engine(jobs or default_jobs(threads))


def _dask(address: str | None, jobs: int | None, threads: int) -> Engine:
    del threads
    if address is None:
        raise _clash("--engine dask", "--address", "name the scheduler with --address")
    if jobs is not None:
        raise _clash(
            "--jobs", "no --jobs with --engine dask", "the workers decide how many run at once"
        )
    return dask_engine(address)


ENGINES: Mapping[str, Callable[[str | None, int | None, int], Engine]] = {
    "local": _local,
    "dask": _dask,
}
"""Makes an engine of the address, the cells at once and the threads of each."""


def engine_named(name: str, address: str | None, jobs: int | None, threads: int) -> Engine:
    """Return an engine; raise WrongUse for an unknown one, or options that it does not take."""
    if name not in ENGINES:
        fix = meant(name, ENGINES, "name one")
        raise WrongUse(Fault("--engine", repr(name), " or ".join(ENGINES), fix, code="engine"))
    return ENGINES[name](address, jobs, threads)


def _clash(where: str, expected: str, fix: str) -> WrongUse:
    return WrongUse(Fault(where, "options that do not go together", expected, fix, code="engine"))
