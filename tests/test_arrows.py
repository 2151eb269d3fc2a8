"""The house keeps its shape: who imports whom, who prints, what the start loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from challenge.kinds import KINDS, kind_of
from challenge.task import MODALITIES
from tests.imports import ARROWS, FILES, PACKAGE, imported_modules, room_of


def wrong_arrows(room: str, names: list[str]) -> list[str]:
    allowed = ARROWS.get(room, set()) | {room, "errors", "version"}
    inside = [name.split(".") for name in names if name.split(".")[0] == "challenge"]
    return [".".join(parts) for parts in inside if len(parts) > 1 and parts[1] not in allowed]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_follow_the_arrows_of_the_house(path: Path) -> None:
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    assert room in ARROWS or room in ("errors", "version"), f"no such room: {room}"
    names = imported_modules(ast.parse(path.read_text(encoding="utf-8")))
    assert wrong_arrows(room, names) == []


def test_a_wrong_arrow_is_seen() -> None:
    tree = ast.parse("def f():\n    from challenge.ledger import open_ledger")
    assert wrong_arrows("scoring", imported_modules(tree)) == ["challenge.ledger.open_ledger"]


def test_only_the_autogluon_methods_import_autogluon() -> None:
    importers = {
        str(path.relative_to(PACKAGE))
        for path in FILES
        for name in imported_modules(ast.parse(path.read_text(encoding="utf-8")))
        if name.split(".")[0] == "autogluon"
    }
    assert importers <= {
        "methods/builtin/autogluon_models.py",
        "methods/builtin/autogluon_plain.py",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_cli_prints_or_exits(path: Path) -> None:
    if room_of(path) == "cli":
        return
    calls = [
        ast.unparse(node.func)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]
    # The process of a cell ends although a method left a thread over.
    allowed = {"os._exit"} if path == PACKAGE / "methods" / "run" / "cell.py" else set()
    ends = {"print", "exit", "quit", "sys.exit", "os._exit", "typer.echo"} - allowed
    assert not ends & set(calls)


@pytest.mark.parametrize("words", ["--help", "run --help", "nosuch"])
def test_help_loads_no_heavy_library(words: str) -> None:
    code = (
        "import atexit, sys; from challenge.cli import main; "
        "atexit.register(lambda: print(*{name.split('.')[0] for name in sys.modules})); "
        "sys.argv[:1] = ['challenge']; main()"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, *words.split()], capture_output=True, text=True, check=False
    )
    heavy = {"pandas", "sklearn", "pyarrow", "scipy", "numpy", "sqlalchemy", "PIL", "rich"}
    loaded = set(shown.stdout.splitlines()[-1].split())
    assert "typer" in loaded and not heavy & loaded


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


def imports_between_files(sources: dict[str, str]) -> dict[str, set[str]]:
    """Return which files of the package each file imports, for types too."""
    arrows: dict[str, set[str]] = {}
    for name, source in sources.items():
        found = set()
        for imported in imported_modules(ast.parse(source)):
            parent = imported.rpartition(".")[0]
            found |= {one for one in (imported, parent) if one in sources}
            if imported in sources:
                # `from package import module` needs the module, whatever the package loads.
                found.discard(parent)
        arrows[name] = found - {name}
    return arrows


def circles(arrows: dict[str, set[str]]) -> list[str]:
    """Return the files from which one comes back to where one began."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [*arrows[start]]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += arrows[one]
        return seen

    return sorted(name for name in arrows if name in reached(name))


def test_no_two_files_import_each_other_in_a_circle() -> None:
    sources = {module_name(path): path.read_text(encoding="utf-8") for path in FILES}
    assert circles(imports_between_files(sources)) == []


def test_a_circle_is_seen_also_when_it_is_for_types() -> None:
    sources = {
        "a": "if TYPE_CHECKING:\n    from b import B",
        "b": "def f():\n    from c import C",
        "c": "import a",
        "d": "import a",
    }
    assert circles(imports_between_files(sources)) == ["a", "b", "c"]


def test_no_two_files_have_the_same_name() -> None:
    names = [path.name for path in FILES if path.name not in ("__init__.py", "convert.py")]
    assert sorted(name for name in set(names) if names.count(name) > 1) == []


def names_of_kinds_and_metrics(source: str) -> list[str]:
    taken = set(KINDS) | {name for kind in KINDS for name in kind_of(kind).metrics}
    return [
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in taken
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_room_but_kinds_knows_a_kind_or_a_metric_by_its_name(path: Path) -> None:
    # AutoGluon names problem types and measures of its own, some of them with the same words.
    if room_of(path) == "kinds" or path.name.startswith("autogluon"):
        return
    assert names_of_kinds_and_metrics(path.read_text(encoding="utf-8")) == []


def test_a_name_of_a_metric_is_seen() -> None:
    assert names_of_kinds_and_metrics('x = {"macro_f1": 1}') == ["macro_f1"]


def names_that_decide(source: str, *, columns_of: bool) -> list[str]:
    """Return where a name of a modality decides: compared, looked up, or asked of `columns_of`."""

    def is_name(node: ast.AST) -> bool:
        names = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
        return any(isinstance(one, ast.Constant) and one.value in MODALITIES for one in names)

    found = []
    for node in ast.walk(ast.parse(source)):
        text = ast.unparse(node) if isinstance(node, ast.Compare | ast.Call | ast.Dict) else ""
        if isinstance(node, ast.Compare) and "modality" in text:
            wrong = any(is_name(one) for one in [node.left, *node.comparators])
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            asked = {"modality_of", "columns_of"} if columns_of else {"modality_of"}
            wrong = called in asked and any(is_name(one) for one in node.args)
        elif isinstance(node, ast.Dict):
            wrong = sum(key is not None and is_name(key) for key in node.keys) > 1
        else:
            continue
        if wrong:
            found.append(text)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_room_tests_for_the_name_of_a_modality(path: Path) -> None:
    # Features, methods and leak checks read the values of a modality.
    name = path.relative_to(PACKAGE).as_posix()
    if name.startswith(("features/", "methods/")):
        return
    source = path.read_text(encoding="utf-8")
    checks_leaks = name.startswith(("prepare/audit/", "attack/planted_leaks"))
    assert names_that_decide(source, columns_of=not checks_leaks) == []


def test_a_test_for_the_name_of_a_modality_is_seen() -> None:
    for source in (
        'if column.modality == "image": pass',
        'x = one["modality"] in ("text", "numeric")',
        'x = modality_of("numeric")',
        'x = task.columns_of("text")',
        'x = {"text": 1, "image": 2}',
    ):
        assert names_that_decide(source, columns_of=True), source
    assert not names_that_decide('x = replace(one, modality="image")', columns_of=True)
