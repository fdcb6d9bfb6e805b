"""`python -m proxprop` is the same as `proxprop`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what to install for it."""
    try:
        # Late: the library is installed without what the command line needs.
        from proxprop.cli import app
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "proxprop":
            raise
        sys.exit(
            f"The command line needs {error.name}: pip install 'proxprop[cli]', "
            "or 'proxprop[app]' for the dashboard too"
        )
    app(prog_name="proxprop")


if __name__ == "__main__":
    main()
