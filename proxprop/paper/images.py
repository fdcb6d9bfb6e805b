"""Which CIFAR-10 the experiments run on: torchvision's archive, or class folders of its images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from proxprop.data.download import data_roots
from proxprop.data.errors import DataError
from proxprop.spec.catalog.data import DATA
from proxprop.spec.config import DataConfig

AS_PUBLISHED = "as published"
REENCODED = "class folders (JPEG re-encoded)"
FOLDERS = "class folders"

_PUBLISHED = "cifar-10-python.tar.gz"  # torchvision's name
_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".zip")


@dataclass(frozen=True)
class Images:
    """Where the images are.

    Attributes:
        config: How a run names them; its split is the scale's business.
        stored: How they are stored, in words.
    """

    config: DataConfig
    stored: str


def find_images(given: str | None = None) -> Images:
    """Return the CIFAR-10 to use; nothing is read yet.

    In this order: what was given; torchvision's archive in a data root; anything there that is
    called cifar10 and holds class folders; a download.

    Args:
        given: Folder or archive of class-named images; None to look for one.
    """
    if given is not None:
        return _folders(Path(given))
    for root in data_roots():
        if (root / _PUBLISHED).is_file():
            break
        candidates = sorted(path for path in root.glob("*") if _is_named_so(path))
        if candidates:
            return _folders(candidates[0])
    return Images(DataConfig(name="cifar10"), AS_PUBLISHED)


def check_classes(classes: tuple[str, ...], images: Images) -> None:
    """Refuse images of other classes than CIFAR-10's.

    Raises:
        DataError: Which says what was found.
    """
    expected = DATA["cifar10"].classes
    if tuple(classes) != expected:
        raise DataError(
            f"{images.config.path} has the classes {', '.join(classes)}; the paper's experiments "
            f"need CIFAR-10's: {', '.join(expected)}"
        )


def _folders(path: Path) -> Images:
    reencoded = "jpeg" in path.name.lower() or "jpg" in path.name.lower()
    config = DataConfig(name="folder", path=str(path))
    return Images(config, REENCODED if reencoded else FOLDERS)


def _is_named_so(path: Path) -> bool:
    name = path.name.lower()
    named = name.replace("-", "").replace("_", "").startswith("cifar10")
    holds = path.is_dir() or name.endswith(_ARCHIVES)
    # torchvision unpacks its archive into a folder of batch files beside it.
    return named and holds and name != _PUBLISHED and name != "cifar-10-batches-py"
