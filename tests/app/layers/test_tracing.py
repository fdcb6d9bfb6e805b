"""Asking another process for a trace: progress, cache, refusals, deaths and silence."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.layers.tracing import KEPT, Tracer, TracingFailed, _path, digest
from proxprop.analysis.slow_motion import TraceRequest
from proxprop.spec.config import RunConfig

FAKE = str(Path(__file__).with_name("fake_tracer.py"))


@pytest.fixture
def tracer(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    made = []

    def make(how, timeout=60.0):
        made.append(Tracer([sys.executable, FAKE, how], timeout))
        return made[-1]

    yield make
    for one in made:
        one.close()


def request(tau=0.05, **fields):
    return TraceRequest(RunConfig().replace(**{"direction.tau": tau}), **fields)


def quiet(words, share):
    pass


def test_progress_is_told_and_the_result_cached(tracer):
    told = []
    first = tracer("works")
    found = first.trace(request(), "motion", lambda words, share: told.append((words, share)))
    assert found == {"motion": 0.05}
    assert told == [("starting", None), ("half way", 0.5)]
    told.clear()
    assert first.trace(request(), "motion", lambda *heard: told.append(heard)) == found
    assert told == []
    assert (
        tracer("dies").trace(request(), "motion", quiet) == found
    )  # another server finds it as well


def test_one_process_answers_one_request_after_another(tracer):
    one = tracer("works")
    assert one.trace(request(0.1), "motion", quiet) == {"motion": 0.1}
    process = one._process
    assert one.trace(request(0.2), "motion", quiet) == {"motion": 0.2}
    assert one._process is process


def test_a_refusal_comes_in_its_own_words(tracer):
    one = tracer("refuses")
    for _ in range(2):
        with pytest.raises(TracingFailed, match="The loss is not finite"):
            one.trace(request(), "motion", quiet)


def test_a_death_is_told_and_the_next_request_starts_afresh(tracer):
    one = tracer("dies")
    with pytest.raises(TracingFailed, match="ended"):
        one.trace(request(), "motion", quiet)
    one._command[-1] = "works"
    assert one.trace(request(), "motion", quiet) == {"motion": 0.05}


def test_silence_is_given_up(tracer):
    with pytest.raises(TracingFailed, match=r"no sign of life .* Try again"):
        tracer("hangs", timeout=0.3).trace(request(), "motion", quiet)


class Interrupted(BaseException):
    """What the page's framework raises where a person turns a knob meanwhile."""


def interrupt(words, share):
    if words == "half way":
        raise Interrupted


def test_after_an_interruption_the_next_request_gets_its_own_answer(tracer):
    one = tracer("works")
    with pytest.raises(Interrupted):
        one.trace(request(0.1), "motion", interrupt)
    assert one.trace(request(0.2), "motion", quiet) == {"motion": 0.2}
    assert one.trace(request(0.1), "motion", quiet) == {"motion": 0.1}


def test_a_step_that_nobody_waits_for_is_cancelled_by_the_next(tracer):
    one = tracer("lingers")
    assert one.trace(request(0.1), "motion", quiet) == {"motion": 0.1}
    assert one.trace(request(0.2), "findings", quiet) == {"findings": 0.2}
    # Its findings were never computed: whoever comes back for them has them computed.
    assert one.trace(request(0.1), "findings", quiet) == {"findings": 0.1}


def test_two_who_ask_at_once_both_get_what_they_asked_for(tracer):
    one = tracer("works")
    with ThreadPoolExecutor(4) as pool:
        taus = [0.1, 0.2, 0.1, 0.3]
        asked = [pool.submit(one.trace, request(tau), "findings", quiet) for tau in taus]
        assert [each.result() for each in asked] == [{"findings": tau} for tau in taus]


def test_a_damaged_cache_is_computed_again(tracer):
    one = tracer("works")
    one.trace(request(), "motion", quiet)
    _path(digest(request()), "motion").write_text("{half")
    assert one.trace(request(), "motion", quiet) == {"motion": 0.05}


def test_the_cache_keeps_the_latest(tracer):
    one = tracer("works")
    for number in range(KEPT // 2 + 3):
        one.trace(request(0.01 + number / 1000), "findings", quiet)
    assert len(list(_path("any", "motion").parent.glob("*.json"))) == KEPT


def test_the_digest_knows_what_matters():
    plain = digest(request())
    assert digest(request(0.1)) != plain
    assert digest(request(run="abc", step=20)) != digest(request(run="abc", step=40))
    longer = RunConfig().replace(**{"budget.epochs": 7.0})
    assert digest(TraceRequest(longer)) == plain


def test_the_real_process_traces_a_step_and_ends_with_its_input(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    tracer = Tracer()
    small = RunConfig().replace(**{"data.name": "moons", "model.widths": (6,), "batch_size": 20})
    try:
        motion = tracer.trace(TraceRequest(small), "motion", quiet)
        assert motion["frames"][0]["kind"] == "forward_z"
        found = tracer.trace(TraceRequest(small), "findings", quiet)
        assert all(check["holds"] for check in found["checks"])
        missing = TraceRequest(small, run="nosuchrun", step=1)
        with pytest.raises(TracingFailed, match="nosuchrun"):
            tracer.trace(missing, "motion", quiet)
        process = tracer._process
        process.stdin.close()
        assert process.wait(60) == 0
    finally:
        tracer.close()


def test_the_server_side_loads_no_torch():
    script = "import sys, app.layers.tracing, app.layers.page; assert 'torch' not in sys.modules"
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
