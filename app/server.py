"""The dashboard's server: `streamlit run app/server.py`.

Streamlit's ASGI app behind our checks (`app.edge`), with our routes (live stream, exports, assets),
an ownership cookie and precompressed static files. It never imports torch; workers do.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

# Streamlit puts `app/` on the path, not the repository; pages import `app.…` and `proxprop.…`.
ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from app.allocator import share_arenas  # noqa: E402

share_arenas()

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from app.compression import PrecompressedStatic  # noqa: E402
from app.edge.base_path import BasePath  # noqa: E402
from app.edge.middleware import Edge  # noqa: E402
from app.lifespan import lifespan  # noqa: E402
from app.ownership import OwnerCookie  # noqa: E402
from app.routes import ON_ERROR, ROUTES  # noqa: E402
from proxprop.exposure import refusal  # noqa: E402

# Started by hand, too, it is not served to others by accident.
if problem := refusal(st.get_option("server.address") or "", os.environ):
    sys.exit(problem)

app = st.App(
    "main.py",
    lifespan=lifespan,
    routes=ROUTES,
    exception_handlers=ON_ERROR,
    middleware=[
        Middleware(BasePath),
        Middleware(Edge),
        Middleware(OwnerCookie),
        Middleware(PrecompressedStatic),
    ],
)

# What is loaded by now stays for good: keep the collector from walking it again and again.
gc.collect()
gc.freeze()
