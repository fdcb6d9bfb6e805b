"""Every rerun starts here: navigation, and the guard around the page."""

from __future__ import annotations

import sys
from pathlib import Path

# Streamlit puts `app/` on the path, not the repository; pages import `app.…` and `proxprop.…`.
ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from app.components.links import tab_title  # noqa: E402
from app.components.room import room_button  # noqa: E402
from app.edge.uploads import UPLOADS  # noqa: E402
from app.guard import guard  # noqa: E402
from app.layers.step import question_of as step_of  # noqa: E402
from app.lecture.bar import lecture_bar, lecture_head  # noqa: E402
from app.lecture.scenes import take_wanted  # noqa: E402
from app.lecture.warming import warm  # noqa: E402
from app.live.chart import preload  # noqa: E402
from app.services import get_service  # noqa: E402
from app.stability.real_layers import question_of as spectra_of  # noqa: E402
from app.state.lecturing import Lecturing  # noqa: E402
from app.state.telling import listened  # noqa: E402
from app.state.visits import drawn, visit  # noqa: E402

PAGES = ROOT / "pages"

st.set_page_config(page_title="ProxProp", page_icon=ROOT / "app" / "icon.svg", layout="wide")
pages = {
    name: st.Page(PAGES / f"{name}.py", title=name.title(), url_path=name, default=name == "home")
    for name in ("home", "lessons", "train", "stability", "compare", "layers", "paper", "runs")
}
page = st.navigation(list(pages.values()), position="top")
visit(page.url_path or "home")
lecturing = Lecturing.arrive()
with UPLOADS.drawing(), guard():
    if scene := take_wanted():
        st.switch_page(pages[scene[0]], query_params=scene[1])
    lecture_head(page.title.lower())
    if trouble := get_service().trouble:
        st.error(trouble)
    tab_title(page.title)
    page.run()
    room_button()
with guard():
    lecture_bar(page.title.lower())
    warm({"layers": step_of, "stability": spectra_of})
lecturing.leave()
preload()
listened()
drawn()
