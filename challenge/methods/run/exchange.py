"""The organiser's side of a request to a method's process, whose answer is not trusted.

The answer is read by descriptor and parsed by a strict model with caps. It affects only this
request: an invalid answer is a fault of the method.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from challenge.errors import (
    ChallengeError,
    Fault,
    MissingRequirement,
    WrongUse,
    counted,
    machine_fault,
)
from challenge.methods.method_sources import MethodSource
from challenge.methods.protocol import Progress, silent
from challenge.methods.run.handover import (
    FAULT,
    MOST_CHARACTERS,
    MOST_FAULTS,
    PREDICTIONS,
    REQUEST,
    RESULT,
    Scratch,
    scratch_folder,
)
from challenge.methods.run.sandbox import Isolation
from challenge.methods.run.supervisor import Caps, Ended, run_process
from challenge.task import Task, dump_json

__all__ = [
    "MOST_LINE",
    "Answered",
    "DeclareResult",
    "FaultEntry",
    "Finite",
    "Name",
    "Note",
    "Plain",
    "PredictResult",
    "Request",
    "Seconds",
    "StrictAnswer",
    "Text",
    "TrialResult",
    "UsedValue",
    "ask",
    "invalid_answer",
    "parse_answer",
    "readable",
]

_MOST_BYTES = 1 << 20
_MOST_VALUES = 20_000
_DEEPEST = 12
_MOST_WHOLE = 1 << 62
_RESERVED_BYTES = 8 << 30
"""Address space beyond the cap of memory: libraries reserve far more than they use."""
_MOST_OPEN = 4096
MOST_LINE = 500


def readable(text: str) -> str:
    """Replace what can be neither stored nor shown: lone surrogates and control characters."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(c if c in "\n\t" or c.isprintable() else "�" for c in whole)


def _bounded(value: Any) -> Any:
    """Return plain JSON values, cleaned; raise ValueError for too many, too deep or too large."""
    left = _MOST_VALUES

    def visit(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > _DEEPEST:
            raise ValueError("too many or too deeply nested values")
        if isinstance(value, str):
            return readable(value)
        if isinstance(value, dict):
            return {readable(key): visit(part, depth + 1) for key, part in value.items()}
        if isinstance(value, list):
            return [visit(part, depth + 1) for part in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError("an infinite number")
        if isinstance(value, int) and abs(value) > _MOST_WHOLE:
            raise ValueError("a whole number out of range")
        return value

    return visit(value, 0)


def _as_it_is(value: Any) -> Any:
    """Return a plain value unchanged; raise ValueError where it needs cleaning."""
    if _bounded(value) != value:
        raise ValueError("characters that can be neither stored nor shown")
    return value


Finite = Annotated[int | float, BeforeValidator(_bounded)]
Name = Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
UsedValue = Annotated[str | int | float | bool, BeforeValidator(_as_it_is)]
Text = Annotated[str, Field(max_length=MOST_CHARACTERS), BeforeValidator(_bounded)]
Note = Annotated[Text, Field(max_length=MOST_LINE)]
Plain = Annotated[dict[str, Any], BeforeValidator(_bounded)]
Seconds = Annotated[float, Field(ge=0, le=1e9)]


class StrictAnswer(BaseModel):
    """An answer of a process: these fields, of these types, and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FaultEntry(StrictAnswer):
    """One fault."""

    code: Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9-]+$")]
    where: Text
    found: Text
    expected: Text
    fix: Text
    n: Annotated[int, Field(ge=0, le=1 << 50)] = 1
    first: Annotated[list[Text], Field(max_length=5)] = []

    def as_fault(self) -> Fault:
        """Return the fault."""
        return Fault(**{**self.model_dump(), "first": tuple(self.first)})


class _Failure(StrictAnswer):
    kind: Text
    message: Text
    place: Text
    faults: Annotated[list[FaultEntry], Field(max_length=MOST_FAULTS)]
    exit_code: Literal[1, 2, 3]


class PredictResult(StrictAnswer):
    """What `predict` answers beside the predictions."""

    details: Plain
    summary: Note
    fit_s: Seconds
    predict_s: Seconds
    cpu_s: Seconds
    peak_mb: Annotated[int, Field(ge=0, le=1 << 40)]


class _RangeEntry(StrictAnswer):
    type: Literal["float", "integer"]
    low: Finite
    high: Finite
    log: bool


class _ChoiceEntry(StrictAnswer):
    type: Literal["choice"]
    values: Annotated[list[UsedValue], Field(max_length=1000)]


class DeclareResult(StrictAnswer):
    """What `declare` answers: the options that a search may choose, and the method's own."""

    space: Annotated[dict[Name, _RangeEntry | _ChoiceEntry], Field(max_length=100)]
    defaults: Annotated[dict[Name, UsedValue], Field(max_length=100)]


class TrialResult(StrictAnswer):
    """What `trial` answers beside the predictions: nothing."""


Result = TypeVar("Result", bound=StrictAnswer)


@dataclass(frozen=True)
class Request:
    """A request to a method's process: a verb, on a task, with options."""

    verb: Literal["predict", "declare", "trial"]
    source: MethodSource
    task: Task
    options: Mapping[str, Any] = field(default_factory=dict)
    threads: int = 1
    isolation: Isolation = "none"
    caps: Caps = field(default_factory=Caps)

    @property
    def where(self) -> str:
        """The `where` of its faults."""
        return f"method {self.source.name} on {self.task.id}"


@dataclass(frozen=True)
class Answered:
    """A valid result, the bytes of the predictions (unchecked), and what the process used."""

    result: Any
    predictions: bytes
    ended: Ended


def ask(
    request: Request,
    expected: type[StrictAnswer],
    progress: Progress = silent,
    cancelled: Callable[[], bool] | None = None,
) -> Answered:
    """Carry out a request in a process of its own, and return its valid answer.

    Raises MissingRequirement when a requirement of the method is not installed, or the machine has
    no room or permission for a scratch folder and a process. Raises WrongUse
    when it is not a method or cannot do this. Raises ChallengeError when it crashed, was stopped at
    a cap, wrote nothing, or gave an invalid answer.
    """
    try:
        with scratch_folder() as scratch:
            ended = _run(request, scratch, progress, cancelled)
            _refuse_stopped(request, ended)
            if (failure := scratch.take(request.where, FAULT, _MOST_BYTES)) is not None:
                failed = parse_answer(failure, _Failure, request.where)
                raise _reported(request, failed, ended)
            result = scratch.take(request.where, RESULT, _MOST_BYTES)
            predictions = None
            if request.verb == "declare":
                predictions = b""
            elif result is not None:
                predictions = scratch.take(request.where, PREDICTIONS, _most_bytes(request))
    except OSError as error:
        fault = machine_fault(error, "temporary files", code="cell-machine")
        if fault is None:
            raise
        raise MissingRequirement(replace(fault, where=f"{request.where}, {fault.where}")) from None
    if ended.code or result is None or predictions is None:
        raise _crashed(request.where, ended)
    return Answered(parse_answer(result, expected, request.where), predictions, ended)


def parse_answer(data: bytes, expected: type[Result], where: str) -> Result:
    """Parse an answer; raise ChallengeError (`answer-invalid`) otherwise."""
    try:
        document = json.loads(data, parse_constant=_refuse_constant)
        return expected.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        at = ".".join(map(str, first["loc"]))[:100]
        raise invalid_answer(
            where, f"{readable(at) or 'the whole'}: {first['msg'][:200]}"
        ) from None
    except (ValueError, RecursionError):
        raise invalid_answer(where, "no JSON") from None


def invalid_answer(where: str, found: str) -> ChallengeError:
    """Return the error for an answer that is not valid."""
    return ChallengeError(
        Fault(
            where,
            f"an answer that is not valid: {found}",
            "the answer that the package itself writes",
            "let the method return a table, plain `details` of at most a megabyte, and write "
            "nothing else",
            code="answer-invalid",
        )
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _run(
    request: Request,
    scratch: Scratch,
    progress: Progress,
    cancelled: Callable[[], bool] | None,
) -> Ended:
    public, needs = request.task.public.resolve(), request.source.needs
    asked = {
        "verb": request.verb,
        "method": request.source.spec,
        "public": str(public),
        "options": dict(request.options),
        "limits": _limits(request.caps.on_this_machine(), request.isolation),
    }
    (scratch.path / REQUEST).write_text(dump_json(asked), encoding="utf-8")
    paths = (public, *needs.readable)
    paths += (request.source.file,) if request.source.file else ()
    paths += (Path(earlier),) if (earlier := request.options.get("earlier")) else ()
    writable = {}
    if request.isolation == "bwrap" and request.task.cache.is_dir():
        # Features are cached in the scratch folder, and removed with it.
        inside = scratch.path / "cache"
        inside.mkdir()
        writable[request.task.cache.resolve()] = inside
    return run_process(
        ["-m", "challenge.methods.run.cell", str(scratch.path)],
        scratch,
        threads=request.threads,
        caps=request.caps.on_this_machine(),
        isolation=request.isolation,
        readable=paths,
        writable=writable,
        environment=needs.environment,
        on_line=lambda line: progress(readable(line)),
        cancelled=cancelled,
    )


def _limits(caps: Caps, isolation: Isolation) -> dict[str, int]:
    """Return limits of the kernel for each process, by their names in `resource`.

    They stop what grows too fast for the supervisor, which looks at the sum of all processes a few
    times a second. Without a sandbox, other processes of this user would count too.
    """
    limits = {"FSIZE": caps.file_mb << 20, "CORE": 0}
    if isolation == "bwrap":
        assert caps.memory_mb is not None
        limits["AS"] = (caps.memory_mb << 20) + _RESERVED_BYTES
        limits |= {"NPROC": 2 * caps.processes, "NOFILE": _MOST_OPEN}
    return limits


def _most_bytes(request: Request) -> int:
    """Return the largest size in bytes of a predictions file: far more than it needs."""
    task = request.task
    rows = max(task.n_train, task.n_test)
    return min(request.caps.file_mb << 20, (16 << 20) + rows * (256 + 32 * len(task.classes)))


def _refuse_stopped(request: Request, ended: Ended) -> None:
    """Raise ChallengeError if a cap stopped the process, MissingRequirement if a full disk did."""
    if not ended.stopped_by:
        return
    caps = request.caps.on_this_machine()
    found, expected, fix = {
        "cancelled": ("stopped", "a run to the end", "run it again"),
        "time": (
            f"still running after {caps.seconds:g} s",
            "an answer within the cap",
            "make it faster, or raise the cap (`challenge run --cap-seconds`)",
        ),
        "memory": (
            f"{ended.peak_mb:,} MB of memory",
            f"at most {caps.memory_mb:,} MB",
            "make it smaller, or raise the cap (`challenge run --cap-memory`)",
        ),
        "output": (
            "endless messages",
            f"at most {caps.file_mb:,} MB of them",
            "print less",
        ),
        "files": (
            "too many or too large files in its scratch folder",
            f"at most {counted(caps.files, 'file')} and {caps.folder_mb:,} MB, all readable",
            "write less",
        ),
        "processes": (
            "too many processes and threads",
            f"at most {caps.processes:,}",
            "start fewer",
        ),
        "disk": (
            f"no room: the disk of {tempfile.gettempdir()} is nearly full",
            "free space for the files of a method",
            "free some space or name another disk with TMPDIR, then run it again",
        ),
    }[ended.stopped_by]
    code = "method-stopped" if ended.stopped_by == "cancelled" else f"method-{ended.stopped_by}"
    kind = MissingRequirement if ended.stopped_by == "disk" else ChallengeError
    raise kind(Fault(request.where, found, expected, fix, code=code))


def _reported(request: Request, failure: _Failure, ended: Ended) -> ChallengeError:
    kind = {2: WrongUse, 3: MissingRequirement}.get(failure.exit_code, ChallengeError)
    if failure.faults:
        return kind(entry.as_fault() for entry in failure.faults)
    fix = "fix the method"
    if request.isolation == "bwrap" and failure.kind == FileNotFoundError.__name__:
        fix = (
            "if the file is there, the sandbox hides it: put its content into the method's modules,"
            " or run your own code with --isolation none (Python: isolation='none')"
        )
    return ChallengeError(
        Fault(
            request.where,
            f"{failure.kind}: {failure.message}" + (failure.place and f" ({failure.place})"),
            "predictions",
            f"{fix}{_last_lines(ended)}",
            code="method-raised",
        )
    )


def _crashed(where: str, ended: Ended) -> ChallengeError:
    found = f"ended by signal {-ended.code}" if ended.code < 0 else f"exit code {ended.code}"
    return ChallengeError(
        Fault(
            where,
            f"{found}, and no predictions",
            "predictions",
            f"fix the method{_last_lines(ended)}",
            code="method-crashed",
        )
    )


def _last_lines(ended: Ended) -> str:
    lines = [line.strip()[:200] for line in ended.log.strip().splitlines()[-3:]]
    return "; the last lines it printed: " + readable(" | ".join(lines)) if lines else ""
