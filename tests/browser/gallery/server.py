"""A server with every live component on one page, so that they are tested apart from the pages."""
# ruff: noqa: E402  (the repository must be on the path first)

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

import streamlit as st
from starlette.middleware import Middleware

from app.compression import PrecompressedStatic
from app.lifespan import lifespan
from app.ownership import OwnerCookie
from app.routes import ROUTES

app = st.App(
    "page.py",
    lifespan=lifespan,
    routes=ROUTES,
    middleware=[Middleware(OwnerCookie), Middleware(PrecompressedStatic)],
)
