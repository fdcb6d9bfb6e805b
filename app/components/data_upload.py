"""A person's own archive or table, sent from the browser to the machine that computes."""

from __future__ import annotations

import streamlit as st

from app.components.notation import as_written
from app.edge.uploads import UPLOADS, let_go
from app.permits import NotPermitted, may_start, permit
from app.state.draft import Draft
from proxprop.data.errors import DataError
from proxprop.data.uploads import ENDINGS, MAX_MEGABYTES, keep_upload


def data_upload(draft: Draft) -> None:
    """Offer to send a file; once it is there, it is the draft's `data.path`.

    A new key after each file empties the uploader for the next one.
    """
    count, problem = f"{draft.place}upload.count", f"{draft.place}upload.problem"
    key = f"{draft.place}upload.{st.session_state.setdefault(count, 0)}"
    if not may_start():
        return
    UPLOADS.permit()
    st.file_uploader(
        "Or send a small file",
        type=list(ENDINGS),
        max_upload_size=MAX_MEGABYTES,
        key=key,
        help=f"A .zip or .tar of class folders, or a .csv or .npz: at most {MAX_MEGABYTES} MB. It "
        "is kept on the machine that computes, where anyone with its path can use it.",
        on_change=_take,
        args=(draft, key, count, problem),
        disabled=draft.locked("data.path"),
    )
    if message := st.session_state.get(problem):
        st.markdown(f":material/error: {as_written(message)}.")


def _take(draft: Draft, key: str, count: str, problem: str) -> None:
    sent = st.session_state[key]
    if sent is None:
        return
    st.session_state[count] += 1
    st.session_state[problem] = ""
    try:
        permit("upload")
        draft.edit("data.path", str(keep_upload(sent.name, sent.getvalue())))
    except (DataError, NotPermitted) as error:
        st.session_state[problem] = str(error)
    finally:
        let_go(sent)
