"""Methods: the protocol, the built-in methods, the runner."""

from __future__ import annotations

from challenge.methods.method_sources import (
    BUILTINS,
    MethodSource,
    is_builtin,
    method_names,
    resolve_method,
)
from challenge.methods.protocol import Method, Progress
from challenge.methods.run.runner import MethodRun, run_method
from challenge.methods.run.sandbox import Isolation
from challenge.methods.run.supervisor import Caps
from challenge.methods.template import init_method

__all__ = [
    "BUILTINS",
    "Caps",
    "Isolation",
    "Method",
    "MethodRun",
    "MethodSource",
    "Progress",
    "init_method",
    "is_builtin",
    "method_names",
    "resolve_method",
    "run_method",
]
