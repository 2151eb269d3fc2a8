"""From a name to a method: built-in, an installed entry point, or `file.py:Name`.

A method's digest covers its own file, this package's code of features and methods, and the
versions of the libraries that they use.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import importlib.util
import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

from challenge.errors import Fault, WrongUse, meant
from challenge.kinds.base import Kind
from challenge.methods.installed import ENTRY_POINTS, Needs, entry_needs, entry_points
from challenge.methods.protocol import Method
from challenge.task import Task

__all__ = [
    "BUILTINS",
    "ENTRY_POINTS",
    "MethodSource",
    "is_builtin",
    "method_names",
    "resolve_method",
    "versions",
]

BUILTINS: Mapping[str, tuple[str, str]] = {
    "trivial": ("challenge.methods.builtin.trivial", "Trivial"),
    "majority": ("challenge.methods.builtin.trivial", "Trivial"),
    "mean": ("challenge.methods.builtin.trivial", "Trivial"),
    "linear": ("challenge.methods.builtin.linear", "Linear"),
    "autogluon": ("challenge.methods.builtin.autogluon", "AutoGluon"),
    "autogluon-plain": ("challenge.methods.builtin.autogluon_plain", "AutoGluonPlain"),
    "autogluon-pc": ("challenge.methods.builtin.autogluon_pc", "AutoGluonPC"),
    "autogluon-context": ("challenge.methods.builtin.autogluon_context", "AutoGluonContext"),
    "uniform": ("challenge.methods.builtin.policies", "UniformPolicy"),
    "logging": ("challenge.methods.builtin.policies", "LoggingPolicy"),
    "greedy": ("challenge.methods.builtin.policies", "Greedy"),
    "epsilon-greedy": ("challenge.methods.builtin.policies", "EpsilonGreedy"),
    "linucb": ("challenge.methods.builtin.policies", "LinUCB"),
    "old-vectors": ("challenge.methods.builtin.representations", "OldVectors"),
    "naive-vectors": ("challenge.methods.builtin.representations", "NaiveVectors"),
    "procrustes-vectors": ("challenge.methods.builtin.representations", "ProcrustesVectors"),
    "class-mean-vectors": ("challenge.methods.builtin.representations", "ClassMeanVectors"),
}
"""Name of each built-in: its module and its class."""
_TRIVIAL = {
    "class": "majority",
    "match": "majority",
    "number": "mean",
    "thing": "old-vectors",
}
"""Name of the trivial method by the type of the labels."""

_LIBRARIES = (
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "rapidfuzz",
    "Pillow",
    "autogluon.tabular",
    "lightgbm",
    "onnxruntime",
    "tokenizers",
    "torch",
    "transformers",
    "timm",
)


@dataclass(frozen=True)
class MethodSource:
    """A method that was found but not yet imported.

    `spec` finds it again in another process; `title` is the team of a built-in, else the name.
    """

    spec: str
    name: str
    title: str
    digest: str
    builtin: bool
    file: Path | None = None
    needs: Needs = field(default_factory=Needs)

    def on(self, task: Task) -> MethodSource:
        """Return the method as named on a task: the name of the trivial one depends on the kind."""
        if not self.builtin or BUILTINS[self.spec] != BUILTINS["trivial"]:
            return self
        return resolve_method(_TRIVIAL[task.kind.label])

    def can_do(self, kind: Kind) -> bool:
        """Return whether the method can do tasks of the kind; only built-in ones state it."""
        return not self.builtin or bool(self.declared().kinds.hold(kind))

    def make(self, **options: Any) -> Method:
        """Import the method and construct it with those of the options that it accepts.

        Raises WrongUse when the name refers to something that is not a method.
        """
        found = self.declared()
        if isinstance(found, type) or _is_factory(found):
            found = found(**_wanted(found, options))
        if _is_estimator(found):
            from challenge.methods.estimator import EstimatorMethod

            found = EstimatorMethod(found, seed=int(options.get("seed", 0)))
        if not (
            callable(getattr(found, "fit", None)) and callable(getattr(found, "predict", None))
        ):
            raise WrongUse(
                Fault(
                    f"method {self.spec}",
                    f"an object of type {type(found).__name__}, without fit and predict",
                    "a class with fit(train, task) and predict(test), or a scikit-learn estimator",
                    "see `challenge init-method`",
                    code="no-method",
                )
            )
        return cast(Method, found)

    def declared(self) -> Any:
        """Import the method's module and return the object of that name."""
        if self.builtin:
            module, attribute = BUILTINS[self.spec]
            return getattr(importlib.import_module(module), attribute)
        if self.file is None:
            return entry_points()[self.spec].load()
        return _attribute(_module_of(self.file), self.file, self.spec.rpartition(":")[2])


def is_builtin(name: str) -> bool:
    """Return whether the name is of a method of this package."""
    return name in BUILTINS


def method_names() -> tuple[str, ...]:
    """Return the built-in names and those that installed packages offer."""
    return (*BUILTINS, *sorted(entry_points()))


def resolve_method(spec: str) -> MethodSource:
    """Find a method by name, without running it.

    Raises WrongUse when there is none: no such name, no such file, or no name after the colon.
    """
    if spec in BUILTINS:
        title = spec.capitalize() if BUILTINS[spec] == BUILTINS["trivial"] else BUILTINS[spec][1]
        return MethodSource(spec, spec, title, _digest(spec), builtin=True)
    if spec in (offered := entry_points()):
        needs = entry_needs(offered[spec])
        return MethodSource(spec, spec, spec, _digest(spec, needs.identity), False, needs=needs)
    path, colon, attribute = spec.rpartition(":")
    if not colon and spec.endswith(".py"):
        path, attribute = spec, ""
    if path.endswith(".py"):
        file = Path(path).resolve()
        if not file.is_file() or not attribute:
            raise WrongUse(
                Fault(
                    f"method {spec}",
                    "no such file" if attribute else "no name after the file",
                    "file.py:Class or file.py:pipeline",
                    "name the file and the class or pipeline in it",
                    code="method-file",
                )
            )
        full, name = f"{file}:{attribute}", f"{file.stem}:{attribute}"
        beside = _neighbours(file)
        code = file.read_bytes()
        for one in beside:
            text = one.read_bytes()
            code += f"\n{one.relative_to(file.parent)} {len(text)}\n".encode() + text
        needs = Needs(readable=beside)
        return MethodSource(full, name, name, _digest(name, code), False, file, needs)
    known = method_names()
    raise WrongUse(
        Fault(
            "method",
            repr(spec),
            f"one of {', '.join(known)}, or file.py:Class",
            meant(spec, known, "check the name"),
            code="unknown-method",
        )
    )


@cache
def versions() -> dict[str, str]:
    """Return the installed versions of this package and the libraries that methods build on."""
    found = {"challenge": _version("multimodal-challenge"), "python": sys.version.split()[0]}
    found |= {name: _version(name) for name in _LIBRARIES}
    return {name: version for name, version in found.items() if version}


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _digest(name: str, code: bytes = b"") -> str:
    # Code that runs, stores or searches is left out: no result depends on it.
    package = Path(__file__).parents[1]
    own = ("earlier.py", "estimator.py", "protocol.py", "returned.py", "run/cell.py")
    files = [
        *(package / "features").rglob("*.py"),
        *(package / "methods" / "builtin").rglob("*.py"),
        *(package / "methods" / name for name in own),
    ]
    parts = [name.encode(), code, repr(sorted(versions().items())).encode()]
    parts += [path.read_bytes() for path in sorted(files)]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def _module_of(file: Path) -> Any:
    # A file may import its neighbours. They come last, so that none of them, nor the file itself,
    # replaces a module of Python or of a package that other code needs.
    name = _module_name(file.stem)
    sys.path.append(str(file.parent))
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise WrongUse(Fault(str(file), "no Python file", "file.py", "rename it", "method-file"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _module_name(stem: str) -> str:
    """Return the name of a method's module; another than its file's where a module has that name.

    >>> _module_name("my_method"), _module_name("types"), _module_name("my method")
    ('my_method', 'method_types', 'method_my_method')
    """
    free = stem.isidentifier() and stem not in sys.modules and not _installed(stem)
    return stem if free else "method_" + re.sub(r"\W", "_", stem)


def _installed(name: str) -> bool:
    """Whether Python or an installed package has a module of that name."""
    return name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None


def _neighbours(file: Path) -> tuple[Path, ...]:
    """Return the Python files beside a method that it imports, those that these import too."""
    found: dict[Path, None] = {}
    waiting = [file]
    while waiting:
        for name in _imported_names(waiting.pop()):
            module, package = file.parent / f"{name}.py", file.parent / name
            files = [module] if module.is_file() else sorted(package.rglob("*.py"))
            new = [one for one in files if one not in found and one != file]
            if new and not _installed(name):
                found |= dict.fromkeys(new)
                waiting += new
    return tuple(sorted(found))


def _imported_names(file: Path) -> set[str]:
    """Return the top-level names of all imports in a file, also of those inside functions."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        # Importing it will say what is wrong.
        return set()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def _attribute(module: Any, file: Path, name: str) -> Any:
    if hasattr(module, name):
        return getattr(module, name)
    public = [key for key in vars(module) if not key.startswith("_")]
    raise WrongUse(
        Fault(
            f"method {file.name}",
            f"no {name!r} in it",
            "the name of a class or a pipeline of that file",
            meant(name, public, "check the name"),
            code="method-name",
        )
    )


def _is_factory(found: Any) -> bool:
    return inspect.isfunction(found) or isinstance(found, partial)


def _is_estimator(found: Any) -> bool:
    return hasattr(found, "get_params") and hasattr(found, "fit")


def _wanted(found: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return {}
    return {name: value for name, value in options.items() if name in parameters}
