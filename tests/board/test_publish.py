"""Results in the forms of others: what they hold, and that their own validators take them."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from challenge.board.publish.published import FORMATS, publish_results
from challenge.board.site import read_context, write_site
from challenge.errors import WrongUse
from challenge.ledger.store.snapshot import Snapshot
from tests.board.showcase import State, showcase
from tests.cli.shell import refused, shell
from tests.toy import declare_toy, toy_numbers, toy_rows

SHAPES = Path(__file__).parent / "croissant_tasks"
STATES: tuple[State, ...] = ("benchmark", "running", "closed")


def published(state: State, form: str, folder: Path) -> Path:
    to = folder / f"results-{form}"
    publish_results(made_up(state), form, to, folder)
    return to


def made_up(state: State) -> Snapshot:
    return showcase(state, n_teams=5, n_each=2)


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.rglob("*.json"))]


@pytest.mark.parametrize("state", STATES)
def test_the_package_has_the_tables_of_the_site_and_describes_each_column(
    state: State, tmp_path: Path
) -> None:
    package = published(state, "frictionless", tmp_path)
    write_site(made_up(state), tmp_path / "site")
    document = json.loads((package / "datapackage.json").read_text())
    assert len(document["resources"]) == 7, "two tracks and five tasks"
    for resource in document["resources"]:
        text = (package / resource["path"]).read_text()
        assert text == (tmp_path / "site" / resource["path"]).read_text()
        fields = [field["name"] for field in resource["schema"]["fields"]]
        assert next(csv.reader(text.splitlines())) == fields
        types = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
        assert (types["rank"], types["value"], types["baseline"]) == (
            *("integer", "number", "boolean"),
        )
        assert (types["team"], types["at"]) == ("string", "datetime")


@pytest.mark.parametrize("state", STATES)
def test_records_have_the_figures_of_the_boards(state: State, tmp_path: Path) -> None:
    boards = read_context(made_up(state)).task_boards
    wanted = {
        (task, f"{row.submission}"): (row.value, row.low, row.high, f"{row.rank}")
        for task, board in boards.items()
        for row in board.rows
        if row.value is not None
    }
    found = {}
    for record in records(published(state, "every-eval-ever", tmp_path)):
        for result in record["evaluation_results"]:
            score = result["score_details"]
            if "rank" in score["details"]:
                task, ends = result["evaluation_name"], score["uncertainty"]["confidence_interval"]
                found[task, score["details"]["submission"]] = (
                    *(score["score"], ends["lower"], ends["upper"]),
                    score["details"]["rank"],
                )
            # How many rows a subset has is no figure of the pages.
            assert ("num_samples" in score["uncertainty"]) == (state == "benchmark")
    assert found == wanted


def test_an_archive_has_the_whole_site_and_the_same_bytes_twice(tmp_path: Path) -> None:
    one = published("closed", "archive", tmp_path)
    (tmp_path / "again").mkdir()
    two = published("closed", "archive", tmp_path / "again")
    assert one.read_bytes() == two.read_bytes()
    write_site(made_up("closed"), tmp_path / "site")
    with zipfile.ZipFile(one) as archive:
        names = {name.removeprefix(f"{one.name}/") for name in archive.namelist()}
        site = {name.removeprefix("site/") for name in names if name.startswith("site/")}
        document = json.loads(archive.read(f"{one.name}/datapackage.json"))
    files = [path for path in (tmp_path / "site").rglob("*") if path.is_file()]
    assert site == {path.relative_to(tmp_path / "site").as_posix() for path in files}
    beside = {"CITATION.cff", "README.md", "datapackage.json", "results.html"}
    assert names - {f"site/{name}" for name in site} == beside
    assert {resource["path"] for resource in document["resources"]} <= names


def test_the_page_of_an_archive_opens_alone(tmp_path: Path) -> None:
    with zipfile.ZipFile(published("closed", "archive", tmp_path)) as archive:
        page = archive.read("results-archive/results.html").decode()
    assert re.findall(r"(?:href|src)=", page) == []
    assert "Tabula Rasa" in page and "<style>" in page


def test_a_citation_of_the_organiser_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "CITATION.cff").write_text("title: mine\n")
    with zipfile.ZipFile(published("closed", "archive", tmp_path)) as archive:
        assert archive.read("results-archive/CITATION.cff") == b"title: mine\n"


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_results_are_left_and_nothing_else_is_replaced(form: str, tmp_path: Path) -> None:
    to = published("benchmark", form, tmp_path)
    assert published("benchmark", form, tmp_path) == to
    with pytest.raises(WrongUse, match="already there"):
        published("closed", form, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [to.name]


@pytest.fixture(scope="module")
def contest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of two tasks, of which one has metrics without bounds, with an entry each."""
    root = tmp_path_factory.mktemp("publish")
    (root / "datasets").mkdir()
    title = 'format = 1\ntitle = "Data: \\"quoted\\", an\\u00e9e"\nreveal = "all"\n'
    track = '[[track]]\nid = "all"\ntitle = "All"\nkind = "classification"\nmetric = "macro_f1"\n'
    (root / "challenge.toml").write_text(f'{title}{track}tasks = ["toy"]\n', encoding="utf-8")
    declare_toy(root / "datasets" / "toy", raw=toy_rows(120, images=False))
    declare_toy(root / "datasets" / "numbers", "regression", metric="rmse", raw=toy_numbers(120))
    assert shell(root, "convert", "--all").code == 0
    assert shell(root, "run", "trivial", "--all", "--submit").code == 0
    return root


def test_the_command_writes_each_form_and_says_where(contest: Path, tmp_path: Path) -> None:
    for form in FORMATS:
        to = tmp_path / form
        done = shell(contest, "publish", "--format", form, "--to", str(to), "--json")
        assert done.code == 0, done.err
        assert done.json()["path"] == str(to) and to.exists()
        assert (done.json()["sha256"] is not None) == (form == "archive")


def test_an_unknown_form_is_refused(contest: Path) -> None:
    done = shell(contest, "publish", "--format", "frictionles")
    refused(done, 2, "did you mean 'frictionless'?", "croissant-tasks, archive")


def wheel_of(package: str, folder: Path) -> Path:
    """Return the unpacked wheel of a package: for its schema, whatever Python it asks for."""
    line = (
        "download --no-deps --disable-pip-version-check --python-version 3.12 --only-binary :all:"
    )
    subprocess.run(
        [sys.executable, "-m", "pip", *line.split(), "-d", str(folder), package],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "wheel")
    return folder / "wheel"


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_the_validator_of_frictionless_takes_the_package(state: State, tmp_path: Path) -> None:
    import frictionless

    report = frictionless.validate(
        str(published(state, "frictionless", tmp_path) / "datapackage.json")
    )
    assert report.valid, report.flatten(["type", "message"])
    table = next((tmp_path / "results-frictionless").rglob("board.csv"))
    table.write_text(table.read_text().replace("true", "perhaps"))
    report = frictionless.validate(str(tmp_path / "results-frictionless" / "datapackage.json"))
    assert not report.valid


@pytest.mark.slow
def test_the_validator_of_every_eval_ever_takes_the_records(contest: Path, tmp_path: Path) -> None:
    wheel = wheel_of("every-eval-ever==0.3.0", tmp_path)
    to = tmp_path / "records"
    assert shell(contest, "publish", "--format", "every-eval-ever", "--to", str(to)).code == 0

    def validate() -> subprocess.CompletedProcess[str]:
        files = sorted(str(path.relative_to(to)) for path in to.rglob("*.json"))
        assert len(files) == 2, "the trivial method has a name for each kind"
        return subprocess.run(
            [sys.executable, "-m", "every_eval_ever.validator.cli", *files],
            cwd=to,
            env=os.environ | {"PYTHONPATH": str(wheel)},
            capture_output=True,
            text=True,
        )

    done = validate()
    assert done.returncode == 0, done.stdout + done.stderr
    file = next(to.rglob("*.json"))
    file.write_text(file.read_text().replace('"schema_version"', '"schema"'))
    assert validate().returncode == 1


@pytest.mark.parametrize("state", STATES)
def test_croissant_tasks_have_the_figures_of_the_boards(state: State, tmp_path: Path) -> None:
    boards = read_context(made_up(state)).task_boards
    folder = published(state, "croissant-tasks", tmp_path)
    for task, board in boards.items():
        nodes = {
            node["@id"]: node
            for node in json.loads((folder / f"{task}.jsonld").read_text())["@graph"]
        }
        wanted = [row for row in board.rows if row.value is not None]
        assert len(nodes) == 1 + 2 * len(wanted) > 1
        for row in wanted:
            solution = nodes[f"#solution-{row.submission}"]
            assert solution["schema:author"]["schema:name"] == row.team_name
            results = nodes[solution["croissant:evaluation"]["@id"]]["croissant:evaluationResults"]
            by_metric = {one["croissant:metric"]: one["croissant:value"] for one in results}
            value = by_metric[board.metric.name]
            ends = (value["schema:minValue"], value["schema:maxValue"])
            assert (value["schema:value"], *ends) == (row.value, row.low, row.high)


BROKEN_RULE = """  sh:property [
    sh:or (
      [ sh:path croissant:input ; sh:class croissant:InputSpec ]
      [ sh:path croissant:output ; sh:class croissant:OutputSpec ]
      [ sh:path croissant:implementation ; sh:class croissant:ImplementationSpec ]
    ) ;
    sh:minCount 1 ;
    sh:message"""
"""A rule of the draft without a path, which ends pyshacl with an error."""


def spec_rule(name: str) -> str:
    return f"""[ sh:property [ sh:path croissant:{name} ;
        sh:qualifiedValueShape [ sh:class croissant:{name.title()}Spec ] ;
        sh:qualifiedMinCount 1 ] ]"""


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES)
def test_the_shapes_of_croissant_tasks_take_the_files(state: State, tmp_path: Path) -> None:
    from pyshacl import validate

    shapes, meant = (
        (SHAPES / "croissant-tasks-shapes.ttl").read_text(),
        " ".join(map(spec_rule, ("input", "output", "implementation"))),
    )
    start = shapes.index(BROKEN_RULE)
    end = shapes.index("] ;", shapes.index("sh:message", start)) + 3
    shapes = f"{shapes[:start]}  sh:or ({meant}) ;{shapes[end:]}"

    def conforms(text: str) -> bool:
        return bool(
            validate(
                text,
                data_graph_format="json-ld",
                shacl_graph=shapes,
                shacl_graph_format="turtle",
                ont_graph=str(SHAPES / "croissant-tasks.ttl"),
                ont_graph_format="turtle",
                inference="rdfs",
            )[0]
        )

    files = sorted(published(state, "croissant-tasks", tmp_path).iterdir())
    assert len(files) == 5
    for file in files:
        assert conforms(file.read_text()), file.name
    good = files[0].read_text()
    for part, other in (
        ("croissant:OutputSpec", "schema:Dataset"),
        ("schema:isBasedOn", "schema:isPartOf"),
        ("croissant:evaluatedSolution", "croissant:subTask"),
        ("croissant:metric", "schema:about"),
    ):
        assert part in good and not conforms(good.replace(part, other)), part


@pytest.mark.slow
def test_the_schema_of_citations_takes_the_citation(contest: Path, tmp_path: Path) -> None:
    import jsonschema
    import yaml

    schemas = wheel_of("cffconvert==2.0.0", tmp_path) / "cffconvert" / "schemas"
    schema = json.loads((schemas / "1.2.0" / "schema.json").read_text())
    to = tmp_path / "results.zip"
    assert shell(contest, "publish", "--format", "archive", "--to", str(to)).code == 0
    with zipfile.ZipFile(to) as archive:
        text = archive.read("results/CITATION.cff").decode()
    document = yaml.load(text, yaml.BaseLoader)
    jsonschema.validate(document, schema)
    assert document["title"] == 'Results of Data: "quoted", anée'
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "type": "results"}, schema)
