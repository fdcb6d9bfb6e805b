"""The room: the audience watches, whoever knows the passphrase presents."""

from __future__ import annotations

import asyncio
import inspect
from types import SimpleNamespace

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app import permits, room, services
from app.edge.checks import FORMS, _of_method
from app.edge.middleware import Edge
from app.live.stage import Stage
from app.ownership import COOKIE, OwnerCookie
from app.permits import SERVICE_READS, STORE_READS, NotPermitted, permit
from app.questions import Lanes, QuestionFailed
from app.room import PRESENTER, TRIES, Room, get_room, room_of
from app.routes import ROUTES
from proxprop.analysis.questions import StepQuestion
from proxprop.exposure import LINK, PASSPHRASE, RUNS, TOKEN
from proxprop.runs.process import Process
from proxprop.runs.reading import Reading
from proxprop.runs.service import RunService
from proxprop.runs.store import Store
from proxprop.spec.config import RunConfig
from tests.app.conftest import SECRET, StillService, known_run, open_page, text
from tests.asynchronous import run as run_apart

OWNER = "0" * 32


@pytest.fixture
def secret(room: Room) -> Room:
    """A room with roles; a page that is drawn is the audience's."""
    room.passphrase = SECRET
    return room


@pytest.fixture
def site(secret: Room) -> TestClient:
    """What stands before Streamlit, with our routes and one for uploads."""
    upload = Route("/_stcore/upload_file/{a}/{b}", lambda _: PlainTextResponse(""), methods=["PUT"])
    metrics = Route("/_stcore/metrics", lambda _: PlainTextResponse(""))
    app = Starlette(
        routes=[*ROUTES, upload, metrics],
        middleware=[Middleware(Edge), Middleware(OwnerCookie)],
    )
    return TestClient(app, base_url="http://127.0.0.1:8501", follow_redirects=False)


@pytest.fixture
def viewer(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The cookies of the browser whose page is drawn."""
    cookies = {COOKIE: OWNER}
    monkeypatch.setattr(permits, "get_script_run_ctx", lambda: True)
    monkeypatch.setattr(permits.st, "context", SimpleNamespace(cookies=cookies))
    monkeypatch.setattr(permits, "this_owner", lambda: cookies[COOKIE])
    return cookies


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, callable) if not name.startswith("_")}


def test_without_a_passphrase_everyone_may_do_everything(store: Store) -> None:
    assert get_room().role({}) == "presenter"
    permit("start")
    services.get_store().rename(known_run(store), "x")


# Every method there is, so that a new one is tried, too.
@pytest.mark.parametrize("action", sorted(public(RunService) - SERVICE_READS))
def test_the_audience_asks_the_service_for_nothing(
    store: Store, secret: Room, viewer: dict[str, str], action: str
) -> None:
    services._PARTS["service"] = SimpleNamespace(**{action: lambda *args: "done"})
    run = store._inner.create_run(RunConfig(), owner="1" * 32)
    with pytest.raises(NotPermitted):
        getattr(services.get_service(), action)(run)
    viewer[PRESENTER] = secret.sign(OWNER)
    assert getattr(services.get_service(), action)(run) == "done"


@pytest.mark.parametrize("action", sorted(public(Store) - STORE_READS))
def test_the_audience_writes_nothing(
    store: Store, secret: Room, viewer: dict[str, str], action: str
) -> None:
    with pytest.raises(NotPermitted):
        getattr(services.get_store(), action)("any")


def test_what_is_free_only_reads() -> None:
    writes = {name for name, kind in vars(Store).items() if callable(kind)}
    assert not writes & STORE_READS
    assert public(Reading) >= STORE_READS - {"home"}
    assert {"status"} == SERVICE_READS & public(RunService)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_reads_or_passes_the_guard(site: TestClient, route: Route) -> None:
    address = route.path.format(run="x", member="0", name="x", digest="x")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = site.request(method, address, content=b"passphrase=wrong")
        if method == "POST" and address in FORMS:
            assert answer.status_code in (303, 403)
            assert PRESENTER not in answer.cookies
        else:
            assert answer.status_code == 405, (method, address)
    assert get_room().role(dict(site.cookies)) == "audience"


def test_only_the_presenter_puts_pages_on_stage(site: TestClient, secret: Room) -> None:
    assert site.post("/api/stage", content="/train").status_code == 403
    site.cookies.update({COOKIE: OWNER, PRESENTER: secret.sign(OWNER)})
    for link in ("//evil.example", "https://evil.example", "/nowhere", "/train?a=\r\nb", "/api/x"):
        assert site.post("/api/stage", content=link).status_code == 400
    assert services.get_stage().shown.link == ""
    assert site.post("/api/stage", content="/train?batch_size=50").status_code == 204
    assert services.get_stage().shown.link == "/train?batch_size=50"


def test_the_stage_tells_whoever_waits_and_lets_them_go() -> None:
    async def scenario() -> None:
        stage = Stage()
        waiting = [asyncio.create_task(stage.after(0, 10)) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.to_thread(stage.show, "/train")
        assert {(await each).link for each in waiting} == {"/train"}
        stage.show("/train")
        assert stage.shown.revision == 1
        assert await stage.after(1, 0.01) is None
        last = asyncio.create_task(stage.after(1, 10))
        await asyncio.sleep(0)
        stage.close()
        assert (await last).revision == 1
        assert stage._loops == {}

    run_apart(scenario())


def test_the_platforms_routes_that_change_something_are_the_presenters(
    site: TestClient, secret: Room
) -> None:
    for method, address in (("PUT", "/_stcore/upload_file/a/b"), ("GET", "/_stcore/metrics")):
        assert site.request(method, address).status_code == 403
    site.cookies.update({COOKIE: OWNER, PRESENTER: secret.sign(OWNER)})
    assert site.get("/_stcore/metrics").status_code == 200
    # A page has to ask for the file, still.
    assert "No page" in site.put("/_stcore/upload_file/a/b").text
    assert _of_method("DELETE", "/train", {"content-length": "0"}) is not None


def test_the_passphrase_makes_the_presenter(site: TestClient, secret: Room) -> None:
    assert "Passphrase" in site.get("/present").text
    answer = site.post("/present", data={"passphrase": SECRET})
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    given = answer.headers.get_list("set-cookie")
    assert len(given) == 2
    assert all("HttpOnly" in cookie and "samesite=lax" in cookie.lower() for cookie in given)
    assert secret.role(dict(site.cookies)) == "presenter"
    stolen = {PRESENTER: site.cookies[PRESENTER], COOKIE: "1" * 32}
    assert secret.role(stolen) == "audience"
    site.post("/leave")
    assert secret.role(dict(site.cookies)) == "audience"


def test_a_foreign_page_does_not_sign_in(site: TestClient) -> None:
    answer = site.post("/present", data={"passphrase": SECRET}, headers={"Origin": "http://e.x"})
    assert answer.status_code == 403


def test_five_wrong_ones_wait(site: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 1000.0
    monkeypatch.setattr(room.time, "monotonic", lambda: clock)
    for _ in range(TRIES):
        assert site.post("/present", data={"passphrase": "guess"}).status_code == 403
    answer = site.post("/present", data={"passphrase": SECRET})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    clock += 61
    assert site.post("/present", data={"passphrase": SECRET}).status_code == 303


def test_the_presenters_link_works_once_and_leads_to_our_pages_only(site: TestClient) -> None:
    assert site.get("/present?token=other").status_code == 200
    answer = site.get("/present?token=once&to=//evil.example")
    assert (answer.status_code, answer.headers["location"]) == (303, "./")
    again = TestClient(site.app, base_url="http://127.0.0.1:8501", follow_redirects=False)
    assert "used already" in again.get("/present?token=once").text


def test_secrets_leave_the_environment() -> None:
    environment = {PASSPHRASE: "p", TOKEN: "t", LINK: "http://a", RUNS: "2"}
    described = room_of(environment)
    assert (described.passphrase, described.token, described.audience_runs) == ("p", "t", 2)
    assert environment == {LINK: "http://a", RUNS: "2"}
    assert room_of({RUNS: "many"}).audience_runs == 0


def test_each_viewer_may_have_small_runs_where_that_is_allowed(
    store: Store, secret: Room, viewer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret, "audience_runs", 1)
    services._PARTS["service"] = StillService(store._inner)
    small = RunConfig.parse({"budget": {"seconds": 30}})
    for refused, words in (
        (RunConfig(), "at most 60 seconds"),
        (small.replace(**{"model.widths": (2000, 2000)}), "small networks"),
        (small.replace(log="wandb"), "logged elsewhere"),
        (small.replace(devices=2), "one process each"),
    ):
        with pytest.raises(NotPermitted, match=words):
            services.get_service().start(refused, "", OWNER)
    own = services.get_service().start(small, "", OWNER)
    with pytest.raises(NotPermitted, match="1 of 1"):
        services.get_service().start(small, "", OWNER)
    services.get_store().rename(own, "mine")
    store._inner.end(own, "stopped", "")
    with pytest.raises(NotPermitted, match="at most 60 seconds"):
        services.get_service().resume(own, small.replace(**{"budget.seconds": 3600}))
    services.get_service().resume(own, small.replace(**{"budget.seconds": 60}))
    store._inner.end(own, "stopped", "")
    services.get_service().start(small, "", OWNER)
    with pytest.raises(NotPermitted, match="1 of 1"):
        services.get_service().resume(own)
    presenters = store._inner.create_run(small, process=Process.current())
    with pytest.raises(NotPermitted):
        services.get_store().rename(presenters, "mine")


def test_the_audience_asks_no_long_question(
    secret: Room, viewer: dict[str, str], store: Store
) -> None:
    wide = StepQuestion(config=RunConfig().replace(**{"model.widths": (9000, 9000)}))
    with pytest.raises(QuestionFailed, match="Only the presenter"):
        Lanes().answer(wide, "motion", lambda *report: None)


def test_pages_of_the_audience_have_no_buttons_that_would_be_refused(
    store: Store, secret: Room
) -> None:
    run = known_run(store._inner, outcome=None)
    at = open_page("train", run=run)
    assert not {"start", "pause", "stop"} & {button.key for button in at.button}
    assert "You watch" in text(at)
    at = open_page("runs", run=run)
    assert at.text_input(key=f"name.{run}").disabled
    assert "delete" not in {button.key for button in at.button}
