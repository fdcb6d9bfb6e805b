"""`proxprop backup` and `proxprop restore`: all runs in one file, and back again."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from proxprop import paths
from proxprop.cli.errors import without_traceback
from proxprop.runs.backup import back_up
from proxprop.runs.backup import restore as bring_back
from proxprop.runs.store import Store


@without_traceback
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="Archive to write; default proxprop-DATE.tar, here.")
    ] = None,
) -> None:
    """Write all runs, checkpoints and sent files into one archive, while runs may go on."""
    target = file or Path(f"proxprop-{time.strftime('%Y%m%d-%H%M%S')}.tar")
    back_up(Store(), target)
    size = target.stat().st_size / 1e6
    typer.echo(f"Wrote {target} ({size:.1f} MB); bring it back with: proxprop restore {target}")


@without_traceback
def restore(
    file: Annotated[Path, typer.Argument(help="What proxprop backup wrote.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Bring a backup back; the runs that are there now are moved aside, not deleted."""
    home = paths.home()
    if not yes:
        typer.confirm(f"Put the runs of {file} in place of those in {home}?", abort=True)
    aside = bring_back(file, home)
    kept = f" What was there is in {aside}." if aside else ""
    typer.echo(f"Restored {file} to {home}.{kept}")
