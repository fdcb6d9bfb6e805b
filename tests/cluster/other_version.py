"""`proxprop` as a version that no worker has."""

from __future__ import annotations

import proxprop
from proxprop.cli import app

if __name__ == "__main__":
    proxprop.__version__ = "9.9"
    app(prog_name="proxprop")
