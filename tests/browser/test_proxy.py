"""The dashboard below an address of its own: behind nginx as docs/serving.md has it, and alone."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.edge.checks import PAGES
from tests.browser.conftest import ROOT, Server, free_port, start_server, stop_server
from tests.browser.test_train import start, wait_for_points
from tests.runs.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.slow]

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
MAIN = """
{user}
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{http}
}}
"""


def documented() -> str:
    (block,) = re.findall(
        r"```nginx\n(.*?)```", (ROOT / "docs" / "serving.md").read_text(), re.DOTALL
    )
    return block


@pytest.fixture
def behind_nginx(tmp_path: Path) -> Iterator[str]:
    if NGINX is None:
        pytest.skip("nginx is not installed (Debian, Ubuntu: apt install nginx-light)")
    server, port = start_server(tmp_path / "home"), free_port()
    try:
        server.wait_until_healthy()
        http = documented().replace("listen 80;", f"listen 127.0.0.1:{port};")
        http = http.replace("http://127.0.0.1:8501", server.url)
        user = "user root;" if os.geteuid() == 0 else ""
        config = tmp_path / "nginx.conf"
        config.write_text(MAIN.format(user=user, folder=tmp_path, http=http))
        proxy = subprocess.Popen([NGINX, "-c", str(config), "-g", "daemon off;"])
        try:
            yield f"http://127.0.0.1:{port}/lab"
        finally:
            proxy.terminate()
            proxy.wait(10)
    finally:
        stop_server(server)


@pytest.fixture
def with_base_path(tmp_path: Path) -> Iterator[str]:
    server: Server = start_server(tmp_path / "home", PROXPROP_BASE_PATH="/lab")
    try:
        server.wait_until_healthy()
        yield f"{server.url}/lab"
    finally:
        stop_server(server)


@pytest.mark.parametrize("served", ["behind_nginx", "with_base_path"])
def test_everything_works_below_an_address(
    served: str, page: Any, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(served)
    asked: dict[str, int] = {}

    def note(response: Any) -> None:
        if not response.url.startswith("blob:"):  # what a page has made itself
            asked[urlsplit(response.url).path] = response.status

    page.on("response", note)
    page.on("websocket", lambda socket: asked.update({urlsplit(socket.url).path: 101}))

    def reached() -> bool:
        page.goto(url)
        return True

    until(lambda: _succeeds(reached), "the proxy answers")
    page.wait_for_url(f"{url}/")
    page.locator("svg.race .race-name").first.wait_for()
    page.locator("[data-testid=stTopNavLink]", has_text="Train").click()
    page.wait_for_url(f"{url}/train*")
    page.wait_for_selector(".st-key-transport button")
    start(page)
    wait_for_points(page, 5)
    page.click(".st-key-stop button")
    exports = page.locator(".proxprop-links a", has_text="Points (CSV)")
    exports.wait_for()
    with page.expect_download() as saved:
        exports.click()
    assert saved.value.path().read_text().startswith("member,table,column,step,")
    page.locator(".proxprop-links a", has_text="Open in Layers").click()
    page.wait_for_url(f"{url}/layers?run=*")
    for name in sorted(PAGES - {"home"}):
        page.goto(f"{url}/{name}")
        page.wait_for_selector("h1, h2")
    page.wait_for_timeout(500)  # for whatever a page asks for late
    page.goto("about:blank")  # the server ends before the window does
    prefix = urlsplit(url).path
    assert not [path for path in asked if not path.startswith(f"{prefix}/") and path != prefix]
    assert not {path: status for path, status in asked.items() if status >= 400}


def _succeeds(action: Any) -> bool:
    try:
        return bool(action())
    except Exception:  # Playwright's own, while nothing listens yet
        return False
