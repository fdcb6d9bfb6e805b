"""Asking a process with torch: progress, cache, refusals, deaths, silence and time limits."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.questions import KEPT, MOST_EACH, Job, Lanes, QuestionFailed, Questions, answer_path
from proxprop.analysis.questions import SpectraQuestion, StepQuestion
from proxprop.analysis.spectra import NetworkSpectra
from proxprop.runs.fits import VARIABLE
from proxprop.spec.config import RunConfig
from tests.runs.waiting import until

FAKE = str(Path(__file__).with_name("fake_answers.py"))


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    made = []

    def make(how, silence=60.0):
        made.append(Questions([sys.executable, FAKE, how], silence))
        return made[-1]

    yield make
    for one in made:
        one.close()


def question(tau=0.05, **fields):
    return StepQuestion(config=RunConfig().replace(**{"direction.tau": tau}), **fields)


def quiet(doing, share):
    pass


def test_progress_is_reported_and_the_answer_kept(client):
    seen = []
    first = client("works")
    answer = first.answer(question(), "motion", lambda doing, share: seen.append((doing, share)))
    assert answer == {"motion": 0.05}
    # The latest report comes again a few times a second, so that a page may be interrupted.
    assert list(dict.fromkeys(seen)) == [("starting", None), ("half way", 0.5)]
    seen.clear()
    assert first.answer(question(), "motion", lambda *report: seen.append(report)) == answer
    assert seen == []
    assert client("dies").answer(question(), "motion", quiet) == answer  # of another server, too


def test_one_process_answers_one_question_after_another(client):
    one = client("works")
    assert one.answer(question(0.1), "motion", quiet) == {"motion": 0.1}
    process = one._process
    assert process is not None
    assert one.answer(question(0.2), "motion", quiet) == {"motion": 0.2}
    assert one._process is process


def test_a_refusal_comes_in_its_own_words(client):
    one = client("refuses")
    for _ in range(2):
        with pytest.raises(QuestionFailed, match="The loss is not finite"):
            one.answer(question(), "motion", quiet)


def test_a_death_is_reported_and_the_next_question_starts_afresh(client):
    one = client("dies")
    with pytest.raises(QuestionFailed, match="ended"):
        one.answer(question(), "motion", quiet)
    one._command[-1] = "works"
    assert one.answer(question(), "motion", quiet) == {"motion": 0.05}


def test_silence_is_given_up(client):
    with pytest.raises(QuestionFailed, match=r"no sign of life .* Try again"):
        client("hangs", silence=0.3).answer(question(), "motion", quiet)


def test_a_question_with_a_limit_is_given_up_however_alive_the_process_is(client, monkeypatch):
    monkeypatch.setattr(StepQuestion, "limit", 0.3)
    with pytest.raises(QuestionFailed, match=r"took longer than 0 s\. Choose a smaller"):
        client("beats").answer(question(), "motion", quiet)


def test_nonsense_is_no_answer_and_does_no_harm(client):
    one = client("stammers")
    with pytest.raises(QuestionFailed, match="ended"):
        one.answer(question(), "motion", quiet)
    one._command[-1] = "works"
    assert one.answer(question(), "motion", quiet) == {"motion": 0.05}


class Interrupted(BaseException):
    """What the page's framework raises where a person turns a knob meanwhile."""


def interrupt(doing, share):
    if doing == "half way":
        raise Interrupted


def test_after_an_interruption_the_next_question_gets_its_own_answer(client):
    one = client("works")
    with pytest.raises(Interrupted):
        one.answer(question(0.1), "motion", interrupt)
    assert one.answer(question(0.2), "motion", quiet) == {"motion": 0.2}
    assert one.answer(question(0.1), "motion", quiet) == {"motion": 0.1}


def test_a_step_that_nobody_waits_for_is_cancelled_by_the_next(client):
    one = client("lingers")
    assert one.answer(question(0.1), "motion", quiet) == {"motion": 0.1}
    assert one.answer(question(0.2), "findings", quiet) == {"findings": 0.2}
    # Its findings were never computed: whoever comes back for them has them computed.
    assert one.answer(question(0.1), "findings", quiet) == {"findings": 0.1}


def test_two_who_ask_at_once_both_get_what_they_asked_for(client):
    one = client("works")
    with ThreadPoolExecutor(4) as pool:
        taus = [0.1, 0.2, 0.1, 0.3]
        asked = [pool.submit(one.answer, question(tau), "findings", quiet) for tau in taus]
        assert [each.result() for each in asked] == [{"findings": tau} for tau in taus]


def test_who_asks_much_does_not_hold_up_who_asks_little(client):
    one = client("works")
    for owner in "aaaab":
        job = Job(question(0.1 + len(one._jobs)), owner)
        one._jobs[job.question.digest] = job
    order = ""
    while one._jobs:
        job = one._next()
        del one._jobs[job.question.digest]
        order += job.owner
    assert order == "abaaa"


def test_one_person_waits_for_few_answers_at_once(client):
    one = client("hangs", silence=5.0)
    with ThreadPoolExecutor(MOST_EACH) as pool:
        for number in range(MOST_EACH):
            pool.submit(one.answer, question(0.1 + number), "motion", quiet, "a")
        until(lambda: len(one._jobs) == MOST_EACH, "all wait")
        with pytest.raises(QuestionFailed, match="close some"):
            one.answer(question(9.0), "motion", quiet, "a")
        one._silence = 0.0  # the rest is given up


def test_what_takes_long_has_a_process_of_its_own_and_what_cannot_fit_none(monkeypatch):
    asked = []

    def answer(self, question, part, report, owner):
        asked.append(self._stays)
        return {}

    monkeypatch.setattr(Questions, "answer", answer)
    lanes = Lanes()
    for widths in ((128, 64), (9000, 9000)):
        lanes.answer(
            StepQuestion(config=RunConfig().replace(**{"model.widths": widths})), "x", quiet
        )
    assert asked == [True, False]
    huge = RunConfig().replace(**{"model.widths": (100_000,) * 20})
    with pytest.raises(QuestionFailed, match=VARIABLE):
        lanes.answer(StepQuestion(config=huge), "x", quiet)


def test_a_process_that_does_not_stay_ends_with_the_last_answer(client):
    one = client("works")
    one._stays = False
    assert one.answer(question(), "findings", quiet) == {"findings": 0.05}
    until(lambda: not one._jobs, "the job ends")
    assert one._process is None


def test_a_question_left_goes_on_while_no_other_waits_and_can_be_joined(client):
    one = client("lingers")
    with pytest.raises(Interrupted):
        one.answer(question(0.1), "findings", interrupt)
    process, (job,) = one._process, one._jobs.values()
    with ThreadPoolExecutor(1) as pool:
        joined = pool.submit(one.answer, question(0.1), "motion", quiet)
        assert joined.result() == {"motion": 0.1}
    assert list(one._jobs.values()) == [job]
    assert one._process is process


def test_a_damaged_cache_is_computed_again(client):
    one = client("works")
    one.answer(question(), "motion", quiet)
    answer_path(question(), "motion").write_text("{half")
    assert one.answer(question(), "motion", quiet) == {"motion": 0.05}


def test_the_cache_keeps_those_used_last(client):
    one = client("works")
    for number in range(KEPT // 2 + 3):
        one.answer(question(0.01 + number / 1000), "findings", quiet)
        assert one.known(question(0.01), "findings") == {"findings": 0.01}  # used all along
    assert len(list(answer_path(question(), "motion").parent.glob("*.json"))) == KEPT
    assert one.known(question(0.011), "findings") is None


def test_the_digest_knows_what_matters():
    plain = question().digest
    assert question(0.1).digest != plain
    assert SpectraQuestion(config=RunConfig()).digest != plain
    assert question(run="abc", step=20).digest != question(run="abc", step=40).digest
    longer = RunConfig().replace(**{"budget.epochs": 7.0})
    assert StepQuestion(config=longer).digest == plain


def test_the_real_process_answers_both_kinds_and_ends_with_its_input(tmp_path, monkeypatch):
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    questions = Questions()
    small = RunConfig().replace(**{"data.name": "moons", "model.widths": (6,), "batch_size": 20})
    try:
        motion = questions.answer(StepQuestion(config=small), "motion", quiet)
        assert motion["frames"][0]["kind"] == "forward_z"
        found = questions.answer(StepQuestion(config=small), "findings", quiet)
        assert all(check["holds"] for check in found["checks"])
        process = questions._process
        spectra = questions.answer(SpectraQuestion(config=small), "spectra", quiet)
        assert [layer.name for layer in NetworkSpectra.parse(spectra).layers]
        for kind in (StepQuestion, SpectraQuestion):
            missing = kind(config=small, run="nosuchrun", step=1)
            with pytest.raises(QuestionFailed, match="nosuchrun"):
                questions.answer(missing, missing.parts[0], quiet)
        assert questions._process is process
        process.stdin.close()
        assert process.wait(60) == 0
    finally:
        questions.close()
