"""What can be taken away from a run over HTTP."""

import ast
import csv
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest
import uvicorn
from starlette.applications import Starlette

from app import services
from app.live.assets import FOLDER, module_url, plotly_path, plotly_url
from app.routes import ROUTES
from proxprop import paths
from proxprop.runs.process import Process
from proxprop.spec.config import (
    DirectionConfig,
    Grid,
    RunConfig,
    SweepConfig,
    SweepMethod,
    load_config,
)
from proxprop.spec.events import Artifact, Mark, Point


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        services.shut_down()  # of tests before, with another data directory
        patch.setenv("PROXPROP_HOME", str(tmp_path_factory.mktemp("home")))
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(Starlette(routes=ROUTES), log_level="warning", lifespan="off")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        services.shut_down()
        running.should_exit = True
        thread.join(15)


@pytest.fixture(scope="module")
def run(site):
    store = services.get_store()
    config = RunConfig(direction=DirectionConfig(solver="cg", tau=0.2))
    made = store.create_run(config, name='the "best" \\ run', process=Process.current())
    points = [
        Point("steps", step, step / 4, step / 8, {"loss": 1 / (step + 1)}) for step in range(3)
    ]
    points.append(Point("evaluations", 2, 0.5, 0.25, {"train_loss": float("nan")}))
    marks = [
        Mark(1, 0.25, 0.1, "set", "τ 0.2 → 0.4", {"direction.tau": 0.4}),
        Mark(1, 0.25, 0.1, "set", "k 3 → 5", {"direction.cg_steps": 5}),
        Mark(2, 0.5, 0.2, "set", "instruments", {"instruments.tier": "full"}),
    ]
    artifact = Artifact("boundary", 2, {"size": 3})
    store.append(made, points, [(time.time(), mark) for mark in marks], [artifact])
    return made


def get(address, **headers):
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_csv_holds_every_point(site, run):
    status, headers, body = get(f"{site}/api/runs/{run}/points.csv")
    assert status == 200
    assert headers["content-disposition"] == f'attachment; filename="proxprop-{run}.csv"'
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert [row["value"] for row in rows if row["column"] == "loss"] == ["1.0", "0.5", str(1 / 3)]
    assert rows[-1]["column"] == "train_loss"
    assert rows[-1]["value"] == "nan"
    assert (rows[1]["step"], rows[1]["epoch"], rows[1]["seconds"]) == ("1", "0.25", "0.125")


def test_config_replays_live_changes(site, run):
    _, _, body = get(f"{site}/api/runs/{run}/config.json")
    config = load_config(json.loads(body))
    assert config.direction.tau == 0.2
    changes = [(change.step, change.values.model_dump()) for change in config.changes]
    assert changes == [(1, {"cg_steps": 5, "tau": 0.4}), (2, {"instruments": "full"})]


def test_snippet_is_a_script_with_the_config(site, run):
    status, _, body = get(f"{site}/api/runs/{run}/snippet.py")
    assert status == 200
    tree = ast.parse(body.decode())
    (assigned,) = [node for node in tree.body if isinstance(node, ast.Assign)]
    config = load_config(ast.literal_eval(assigned.value.args[0]))
    assert config.direction.solver == "cg"
    assert len(config.changes) == 2


def test_a_script_waits_for_its_threads_as_workers_do(site, run):
    _, _, body = get(f"{site}/api/runs/{run}/snippet.py")
    before, engine, _ = body.decode().partition("from proxprop.engine")
    assert engine
    told = "import sys; print('torch' in sys.modules, os.environ['OMP_WAIT_POLICY'])"
    environment = {name: value for name, value in os.environ.items() if "OMP_" not in name}
    done = subprocess.run(
        [sys.executable, "-c", before + told], capture_output=True, text=True, env=environment
    )
    assert done.stdout == "False PASSIVE\n", done.stderr


def test_a_sweep_has_no_script_and_says_why(site):
    sweep_config = SweepConfig(methods=(SweepMethod(lr=Grid(low=0.01, high=1.0, count=3)),))
    sweep = services.get_store().create_run(sweep_config, process=Process.current())
    status, _, body = get(f"{site}/api/runs/{sweep}/snippet.py")
    assert status == 409
    assert "many runs" in body.decode()


def test_artifacts_are_json_and_cached_by_version(site, run):
    address = f"{site}/api/runs/{run}/artifacts/0/boundary"
    _, headers, body = get(address)
    assert json.loads(body) == {"step": 2, "version": 1, "payload": {"size": 3}}
    assert headers["cache-control"] == "no-cache"
    assert "max-age" in get(f"{address}?v=1")[1]["cache-control"]
    assert get(f"{address}?v=2")[1]["cache-control"] == "no-cache"


def test_weights_come_once_they_are_saved(site, run):
    address = f"{site}/api/runs/{run}/weights.safetensors"
    status, _, body = get(address)
    assert status == 404
    assert "when it ends" in body.decode()
    folder = paths.checkpoints(run, services.get_store().home)
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"tensors")
    assert get(address)[2] == b"tensors"


@pytest.mark.parametrize(
    "path",
    ["points.csv", "config.json", "snippet.py", "weights.safetensors", "artifacts/0/boundary"],
)
@pytest.mark.parametrize("unknown", ["nosuchrun", "..%2F..", "a" * 200, "%27%3B--"])
def test_unknown_runs_are_missing_in_words(site, path, unknown):
    status, _, body = get(f"{site}/api/runs/{unknown}/{path}")
    assert status == 404
    if "%2F" not in unknown:  # a slash makes another address, which no route answers
        assert "no such run" in body.decode()


def test_deleted_runs_are_missing(site):
    store = services.get_store()
    made = store.create_run(RunConfig(), process=Process.current())
    assert get(f"{site}/api/runs/{made}/config.json")[0] == 200
    store.delete(made)
    assert get(f"{site}/api/runs/{made}/config.json")[0] == 404


def test_routes_only_read(site, run):
    request = urllib.request.Request(f"{site}/api/runs/{run}/config.json", method="DELETE")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=15)
    assert refused.value.code == 405


def test_assets_are_cached_for_good_under_hashed_addresses_only(site):
    for address in (f"/{module_url('hub')}", f"/{plotly_url()}"):
        assert "immutable" in get(site + address)[1]["cache-control"]
    for address in ("/assets/outdated0000/hub.js", "/assets/plotly.min.js"):
        status, headers, _ = get(site + address)
        assert (status, headers["cache-control"]) == (200, "no-cache")
    assert get(f"{site}/assets/x/..%2fserver.js")[0] == 404
    assert get(f"{site}/assets/x/nothing.js")[0] == 404


def test_plotly_is_sent_compressed_to_those_who_take_it(site):
    plain = get(f"{site}/{plotly_url()}")[2]
    assert plain == plotly_path().read_bytes()
    _, headers, packed = get(f"{site}/{plotly_url()}", **{"Accept-Encoding": "gzip"})
    assert headers["content-encoding"] == "gzip"
    assert len(packed) < 0.4 * len(plain)


def test_every_module_imported_by_another_exists():
    for path in FOLDER.glob("*.js"):
        for line in path.read_text().splitlines():
            if line.startswith(("import ", "} from")) and "'" in line:
                name = line.rsplit("'", 2)[1]
                assert (FOLDER / name).is_file(), f"{path.name} imports {name}"


def test_the_style_arrives_with_the_page_and_not_after_it(site):
    style = (FOLDER.parent / "style.css").read_text()
    assert "</style" not in style
    for page in ("/", "/runs", "/train"):
        html = get(site + page)[2].decode()
        assert style in html
        # Last of all: of two rules alike it holds against Streamlit's.
        assert html.index(style) > html.index('id="root"')
