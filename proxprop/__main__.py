"""`python -m proxprop` is the same as `proxprop`."""

from __future__ import annotations

from proxprop.cli import app

if __name__ == "__main__":
    app(prog_name="proxprop")
