"""What invites others in says the same as the project: citation, hooks, workflows, templates."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def lint_commands() -> list[list[str]]:
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert recipe
    return [shlex.split(line) for line in recipe[1].replace("$(VENV)", ".venv").splitlines()]


def test_the_citation_is_of_this_version_and_names_the_paper() -> None:
    citation = read("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation["message"]
    assert citation["authors"]
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])
    (paper,) = citation["references"]
    families = [author["family-names"] for author in paper["authors"]]
    assert families == ["Frerix", "Möllenhoff", "Moeller", "Cremers"]
    assert paper["identifiers"][0]["value"] == "arXiv:1706.04638"


def test_hooks_run_what_make_lint_runs() -> None:
    (repository,) = read(".pre-commit-config.yaml")["repos"]
    hooks = [shlex.split(hook["entry"]) for hook in repository["hooks"]]
    linted = [
        [word for word in command if word not in (".", "--check")] for command in lint_commands()
    ]
    for hook in hooks:
        assert [word for word in hook if word != "--fix"] in linted
    assert len(hooks) == len(linted) - 1  # mypy takes a minute


def test_workflows_test_what_the_project_promises() -> None:
    jobs = read(".github/workflows/tests.yml")["jobs"]
    promised = [
        version
        for named in PROJECT["classifiers"]
        if (version := named.rpartition(" :: ")[2]).startswith("3.")
    ]
    assert jobs["everything"]["strategy"]["matrix"]["python"] == promised
    assert PROJECT["requires-python"] == f">={promised[0]}"
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    made = [shlex.split(command)[1] for command in commands if command.startswith("make ")]
    assert made
    assert set(made) <= {*targets}
    local = (ROOT / ".ci" / "run").read_text()
    assert re.findall(r"^make (\w+)", local, re.MULTILINE) == ["test", "slow", "extras"]
    lowest, every = jobs["versions"]["strategy"]["matrix"]["include"]
    assert "--resolution lowest-direct" in lowest["install"]
    assert lowest["python"] == promised[0]
    assert ".[test,all,docs]" in every["install"]
    extras = PROJECT["optional-dependencies"]
    # The tests' extra brings the application's, and that the command line's.
    assert "proxprop[app,ray]" in extras["test"]
    (everything,) = extras["all"]
    named = {*everything.removeprefix("proxprop[").removesuffix("]").split(",")}
    assert named == extras.keys() - {"app", "cli", "test", "docs", "all"}


def test_dependabot_knows_every_kind_of_dependency_there_is() -> None:
    kinds = {update["package-ecosystem"] for update in read(".github/dependabot.yml")["updates"]}
    assert kinds == {"pip", "docker", "github-actions"}


def test_templates_can_be_filled_in() -> None:
    templates = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert len(templates) == 2
    for path in templates:
        form = yaml.safe_load(path.read_text())
        assert form["name"]
        assert form["description"]
        fields = [part for part in form["body"] if part["type"] != "markdown"]
        assert len({part["id"] for part in fields}) == len(fields)
        assert all(part["attributes"]["label"] for part in fields)
        assert any(part.get("validations", {}).get("required") for part in fields)


def test_what_the_guides_point_at_exists() -> None:
    for guide in ("CONTRIBUTING.md", "README.md", *(ROOT / "docs").glob("*.md")):
        text = (ROOT / guide).read_text()
        folder = (ROOT / guide).parent
        linked = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
        for name in linked:
            assert (folder / name).exists(), f"{guide}: {name}"
        for name in re.findall(r"`((?:app|docs|pages|proxprop|tests|benchmarks)/[\w/.-]+)`", text):
            assert (ROOT / name).exists(), f"{guide}: {name}"
