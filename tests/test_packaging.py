"""The files around the code agree with each other and with the code."""

from __future__ import annotations

import fnmatch
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer

import proxprop
from proxprop.cli.serve import serve

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions in order, continued lines joined."""
    text = "\n".join(
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    )
    lines = text.replace("\\\n", " ").splitlines()
    return [(*line.split(maxsplit=1),) for line in lines if line.strip()]  # type: ignore[misc]


def arguments(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def test_requirements_are_the_projects_dependencies() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    required = [line for line in lines if line and not line.startswith("#")]
    assert required == PROJECT["dependencies"]


def test_version_is_said_once_everywhere() -> None:
    assert PROJECT["version"] == proxprop.__version__


def test_console_script_exists() -> None:
    module, name = PROJECT["scripts"]["proxprop"].split(":")
    assert isinstance(getattr(importlib.import_module(module), name), typer.Typer)


def test_package_is_typed() -> None:
    assert (ROOT / "proxprop" / "py.typed").is_file()


def test_readmes_commands_exist() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    asked = set(re.findall(r"^make (\w+)", "\n".join(blocks), re.MULTILINE))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"app", "test"} <= asked <= targets


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_app_serves_and_make_test_tests() -> None:
    def dry(target: str) -> str:
        # -o: as if the environment were there, so that only the command itself is shown.
        command = [
            "make",
            "--no-print-directory",
            "--dry-run",
            "VENV=.missing",
            "-o",
            ".missing/.app",
            "-o",
        ]
        return subprocess.run(
            [*command, ".missing/.test", target], cwd=ROOT, capture_output=True, text=True
        ).stdout

    assert dry("app").strip() == ".missing/bin/proxprop serve --host 127.0.0.1 --port 8501"
    steps = dry("test").split("\n")
    assert [step.split()[0].rsplit("/", 1)[-1] for step in steps if step] == [
        "ruff",
        "ruff",
        "mypy",
        "vulture",
        "oxlint",
        "python",
    ]
    assert ".missing/bin/python -m pytest" in dry("test")


def test_the_image_starts_what_make_app_starts() -> None:
    (entry,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    program, *options = [*json.loads(entry), *json.loads(command)]
    assert [program, *options[:3]] == ["proxprop", "serve", "--host", "0.0.0.0"]
    app = typer.Typer()
    app.command()(serve)
    known = typer.main.get_command(app)
    # Parsing fails on options that the command does not have.
    context = known.make_context("serve", options[1:])
    assert context.params["host"] == "0.0.0.0"
    assert context.params["browser"] is False
    assert arguments("EXPOSE") == [str(context.params["port"])]


def test_the_image_checks_the_health_of_its_own_port() -> None:
    (check,) = arguments("HEALTHCHECK")
    program, option, script = json.loads(check[check.index("[") :])
    assert (program, option) == ("python", "-c")
    compile(script, "healthcheck", "exec")
    (port,) = arguments("EXPOSE")
    assert f"http://127.0.0.1:{port}/_stcore/health" in script


def test_the_image_keeps_its_data_in_a_volume_and_does_not_run_as_root() -> None:
    steps = instructions()
    assert arguments("VOLUME") == ["/data"]
    assert "PROXPROP_HOME=/data" in " ".join(arguments("ENV")).split()
    (user,) = arguments("USER")
    assert user not in ("root", "0")
    (made,) = [rest for rest in arguments("RUN") if "useradd" in rest]
    assert f"chown {user}:{user} /data" in made
    order = [instruction for instruction, _ in steps]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert "RUN" not in order[order.index("USER") :]


def test_the_image_copies_what_exists_and_is_not_ignored() -> None:
    rules = (ROOT / ".dockerignore").read_text().split("\n")
    kept = [rule[1:] for rule in rules if rule.startswith("!")]
    copied = [source for rest in arguments("COPY") for source in rest.split()[:-1]]
    assert sorted(copied) == sorted(kept)
    for source in copied:
        assert (ROOT / source).exists(), source
    files = subprocess.run(
        ["git", "ls-files", *copied], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    dropped = [rule.removeprefix("**/") for rule in rules if rule.startswith("**/")]
    for file in filter(None, files):
        assert not any(fnmatch.fnmatch(part, rule) for part in Path(file).parts for rule in dropped)


def test_the_image_has_everything_the_package_is_built_from() -> None:
    copied = {source for rest in arguments("COPY") for source in rest.split()[:-1]}
    assert {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"} <= copied
    assert {"proxprop", "app", "pages", ".streamlit"} <= copied


@pytest.mark.parametrize("index", ["", "https://example.org/cpu"])
def test_torchs_index_is_an_option_of_the_build(index: str, tmp_path: Path) -> None:
    assert arguments("ARG") == ['TORCH_INDEX_URL=""']
    (install,) = [rest for rest in arguments("RUN") if "torch" in rest]
    pip = tmp_path / "bin" / "pip"
    pip.parent.mkdir()
    pip.write_text('#!/bin/sh\necho "$@"\nfor last; do true; done; cp "$last" "$PWD/seen-$last"\n')
    pip.chmod(0o755)
    shutil.copy(ROOT / "requirements.txt", tmp_path)
    environment = {"PATH": f"{pip.parent}:{os.environ['PATH']}", "TORCH_INDEX_URL": index}
    done = subprocess.run(
        ["sh", "-ec", install], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, second = (shlex.split(line) for line in done.stdout.splitlines())
    assert first == ["install", *(["--index-url", index] if index else []), "-r", "torch.txt"]
    assert second == ["install", "-r", "requirements.txt"]
    torch_only = (tmp_path / "seen-torch.txt").read_text().split()
    assert [re.split(r"\W", line)[0] for line in torch_only] == ["torch", "torchvision"]
