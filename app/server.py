"""The dashboard's server: `streamlit run app/server.py`.

Streamlit's ASGI app with our routes (live stream, exports, assets), an ownership cookie and
precompressed static files. It never imports torch; workers do.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

# Streamlit puts `app/` on the path, not the repository; pages import `app.…` and `proxprop.…`.
ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from app.compression import PrecompressedStatic  # noqa: E402
from app.lifespan import lifespan  # noqa: E402
from app.ownership import OwnerCookie  # noqa: E402
from app.routes import ROUTES  # noqa: E402

app = st.App(
    "main.py",
    lifespan=lifespan,
    routes=ROUTES,
    middleware=[Middleware(OwnerCookie), Middleware(PrecompressedStatic)],
)

# What is loaded by now stays for good: keep the collector from walking it again and again.
gc.collect()
gc.freeze()
