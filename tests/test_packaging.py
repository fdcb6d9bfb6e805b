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
from typing import Any

import pytest
import typer
import yaml
from packaging.requirements import Requirement

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


def copies() -> list[str]:
    """Return what is copied into the image from outside."""
    return [rest for rest in arguments("COPY") if not rest.startswith("--from")]


def test_requirements_are_the_whole_applications() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    required = [line for line in lines if line and not line.startswith("#")]
    extras = PROJECT["optional-dependencies"]
    assert "proxprop[cli]" in extras["app"]
    everything = [*PROJECT["dependencies"], *extras["cli"], *extras["app"]]
    assert required == [need for need in everything if need != "proxprop[cli]"]


def test_version_is_said_once_everywhere() -> None:
    version = PROJECT["version"]
    assert version == proxprop.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == version
    assert f"proxprop-{version}-py3-none-any.whl" in (ROOT / "README.md").read_text()
    released = re.findall(r"^## (\S+) \((.*)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert released[0] == (version, citation["date-released"])


def test_console_script_exists(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module, name = PROJECT["scripts"]["proxprop"].split(":")
    monkeypatch.setattr("sys.argv", ["proxprop", "--version"])
    with pytest.raises(SystemExit) as ended:
        getattr(importlib.import_module(module), name)()
    assert (ended.value.code, capsys.readouterr().out) == (0, f"proxprop {proxprop.__version__}\n")


def test_package_is_typed() -> None:
    assert (ROOT / "proxprop" / "py.typed").is_file()


def test_readmes_commands_exist() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    asked = set(re.findall(r"^make (\w+)", "\n".join(blocks), re.MULTILINE))
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"app", "test"} <= asked <= targets


def make(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell with `environment`, whatever make runs the tests."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**inherited, **environment}
    )


def dry(*arguments: str, **environment: str) -> list[str]:
    """Return the commands of a target, as if the environment were there."""
    there = ["VENV=.missing", "-o", ".missing/.app", "-o", ".missing/.test"]
    return make("--dry-run", *there, *arguments, **environment).stdout.strip().splitlines()


needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@needs_make
def test_make_app_serves_and_make_test_tests() -> None:
    hint = "PROXPROP_PORT_HINT='make app PORT='"
    serve = f"{hint} .missing/bin/proxprop serve --host %s --port %s"
    assert dry("app") == [serve % ("127.0.0.1", 8501)]
    # A shell's own HOST does not open the machine; who asks for it gets it.
    assert dry("app", HOST="0.0.0.0", PORT="8502") == [serve % ("127.0.0.1", 8502)]
    assert dry("app", "HOST=0.0.0.0") == [serve % ("0.0.0.0", 8501)]
    steps = dry("test")
    assert [step.split()[0].rsplit("/", 1)[-1] for step in steps] == [
        *("ruff", "ruff", "mypy", "vulture", "oxlint"),
        "python",
    ]
    assert ".missing/bin/python -m pytest" in steps[-1]


def installs(*arguments: str) -> list[list[str]]:
    """Return the installations of the application, word by word."""
    there = ["--dry-run", "VENV=.missing", "-o", ".missing/.venv", ".missing/.app", *arguments]
    lines = [line for line in make(*there).stdout.splitlines() if "uv pip install" in line]
    return [shlex.split(line) for line in lines]


@needs_make
def test_make_installs_the_locked_versions_unless_told_otherwise() -> None:
    application, package = installs()
    assert application[-4:] == ["--constraint", "requirements.lock", "-r", "requirements.txt"]
    assert package[-3:] == ["--no-deps", "--editable", "."]
    newest, _ = installs("LOCK=")
    assert newest == [word for word in application if word not in application[-4:-2]]


@needs_make
def test_make_installs_pytorch_without_a_gpu_when_asked() -> None:
    (plain, *_), (small, *_) = installs(), installs("TORCH=cpu")
    at = small.index("--torch-backend")
    assert small[at + 1] == "cpu"
    assert [*small[:at], *small[at + 2 :]] == plain


def test_every_requirement_is_locked_within_its_range() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    locked: dict[str, list[str]] = {}
    for line in lines:
        if not line.startswith("#"):
            name, _, version = line.partition(";")[0].strip().partition("==")
            locked.setdefault(name, []).append(version)
    assert all(versions and all(versions) for versions in locked.values())
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            need = Requirement(line)
            assert all(need.specifier.contains(v) for v in locked[need.name]), line
    # Addresses of package indexes are a machine's own matter.
    assert "://" not in "".join(lines)


@needs_make
@pytest.mark.parametrize(
    ("lacks", "words"), [("version_info", "needs Python 3.11"), ("ensurepip", "python3-venv")]
)
def test_make_says_what_python_lacks(lacks: str, words: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *{lacks}*) exit 1;; *) exit 0;; esac\n')
    python.chmod(0o755)
    done = make(f"VENV={tmp_path / 'venv'}", f"PYTHON={python}", "app")
    assert done.returncode != 0
    assert words in done.stdout
    assert not (tmp_path / "venv").exists()


def test_the_image_starts_what_make_app_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,), (command,) = arguments("ENTRYPOINT"), arguments("CMD")
    init, dashes, program, *options = [*json.loads(entry), *json.loads(command)]
    # As process 1 Python would not hear SIGTERM until it has a handler.
    assert [init, dashes, program, *options[:3]] == ["tini", "--", "proxprop", *SERVE]
    assert any("install" in rest and init in rest.split() for rest in arguments("RUN"))
    known = parsed(*options[1:])
    assert known["host"] == "0.0.0.0"
    assert known["browser"] is False
    assert arguments("EXPOSE") == [str(known["port"])]
    monkeypatch.setenv("PORT", "7860")
    assert parsed(*options[1:])["port"] == 7860


SERVE = ["serve", "--host", "0.0.0.0"]


def parsed(*options: str) -> dict[str, Any]:
    """Return what `proxprop serve` reads from options; it refuses those that it does not have."""
    app = typer.Typer()
    app.command()(serve)
    return typer.main.get_command(app).make_context("serve", [*options]).params


@pytest.mark.parametrize("port", ["8501", "7860"])
def test_the_image_checks_the_health_of_its_own_port(
    port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (check,) = arguments("HEALTHCHECK")
    program, option, script = json.loads(check[check.index("[") :])
    assert (program, option) == ("python", "-c")
    asked: list[str] = []
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: asked.append(url))
    monkeypatch.setenv("PORT", port)
    exec(compile(script, "healthcheck", "exec"), {})
    assert asked == [f"http://127.0.0.1:{port}/_stcore/health"]
    assert f"PORT={arguments('EXPOSE')[0]}" in arguments("ENV")[-1].split()


@pytest.mark.parametrize("service", ["app", "room"])
def test_composed_services_are_served_to_whom_they_say(service: str) -> None:
    text = (ROOT / "compose.yaml").read_text().replace("!override", "")
    services = yaml.safe_load(text)["services"]
    chosen = services["app"] | services[service]
    words = chosen.get("command") or json.loads(arguments("CMD")[0])
    options = parsed(*words[1:])
    (published,) = chosen["ports"]
    assert published.startswith("127.0.0.1:") is (service == "app")
    # Everyone who reaches the port may do everything only where that is this machine alone.
    assert options["present"] is (service == "room")
    assert ("PROXPROP_OPEN" in chosen["environment"]) is (service == "app")
    assert chosen["volumes"] == ["proxprop:/data"]


def test_the_image_keeps_its_data_in_a_volume_and_does_not_run_as_root() -> None:
    steps = instructions()
    assert arguments("VOLUME") == ["/data"]
    assert "PROXPROP_HOME=/data" in arguments("ENV")[-1].split()
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
    copied = [source for rest in copies() for source in rest.split()[:-1]]
    assert sorted(copied) == sorted(kept)
    for source in copied:
        assert (ROOT / source).exists(), source
    dropped = [rule.removeprefix("**/") for rule in rules if rule.startswith("**/")]
    assert set(dropped) == {"__pycache__", "*.py[cod]"}  # nothing but what Python makes
    for source in copied:
        for file in (ROOT / source).rglob("*"):
            kept = not any(fnmatch.fnmatch(part, rule) for part in file.parts for rule in dropped)
            assert kept or "__pycache__" in file.parts, file


def test_the_image_has_everything_the_package_is_built_from() -> None:
    copied = {source for rest in copies() for source in rest.split()[:-1]}
    assert {PROJECT["readme"], *PROJECT["license-files"], "pyproject.toml"} <= copied
    assert {"proxprop", "app", "pages", ".streamlit"} <= copied


def test_the_space_serves_what_its_card_says() -> None:
    folder = ROOT / "hosting" / "space"
    card = yaml.safe_load((folder / "README.md").read_text().split("---")[1])
    lines = (folder / "Dockerfile").read_text().splitlines()
    said = {line.split(" ", 1)[0]: line.split(" ", 1)[1] for line in lines if line[:1].isupper()}
    assert card["sdk"] == "docker"
    assert said["ENV"] == f"PORT={card['app_port']}"
    assert said["EXPOSE"] == str(card["app_port"])
    command, *options = json.loads(said["CMD"])
    assert command == "serve"
    # Strangers watch, and may have a small run of their own.
    chosen = parsed(*options)
    assert (chosen["present"], chosen["audience_runs"], chosen["open_"]) == (True, 1, False)
    assert said["USER"] != "root"


@pytest.mark.parametrize("backend", ["", "cpu", "cu130"])
def test_torchs_backend_is_an_option_of_the_build(backend: str, tmp_path: Path) -> None:
    assert "TORCH=cpu" in arguments("ARG")
    (install,) = [rest for rest in arguments("RUN") if "--constraint" in rest]
    command = re.sub(r"--mount=\S+ ", "", install)
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text('#!/bin/sh\necho "$@"\n')
    uv.chmod(0o755)
    environment = {"PATH": f"{uv.parent}:{os.environ['PATH']}", "TORCH": backend}
    done = subprocess.run(
        ["sh", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    made, installed = (shlex.split(line) for line in done.stdout.splitlines())
    assert made == ["venv", "/opt/proxprop"]
    chosen = ["--torch-backend", backend] if backend else []
    locked = ["-r", "requirements.txt", "--constraint", "requirements.lock"]
    assert installed == ["pip", "install", "--python", "/opt/proxprop", *chosen, *locked]
