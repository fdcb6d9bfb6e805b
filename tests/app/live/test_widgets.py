"""What is fetched ahead: whole modules, each once, and nothing that every page has anyway."""

from pathlib import Path

from streamlit import file_util

from app.compression import compress_ahead, compressed
from app.live.widgets import IMPORT, widget_scripts, widget_urls

ROOT = Path(__file__).parents[3]


def test_scripts_of_widgets_come_with_all_that_they_import():
    root = Path(file_util.get_static_dir())
    index = (root / "index.html").read_text()
    names = [path.name for path in widget_scripts()]
    assert any(name.startswith("Slider.") for name in names)
    assert len(set(names)) == len(names)
    assert not any(name in index for name in names)
    for path in widget_scripts():
        for other in IMPORT.findall(path.read_text()):
            assert other in names or other in _at_once(root, index)
    assert all((root / url).is_file() for url in widget_urls())


def _at_once(root: Path, index: str) -> set[str]:
    """Return what every page loads: what the index names, and what that imports."""
    found = {path.name: path for path in (root / "static" / "js").glob("*.js")}
    met, waiting = set(), {name for name in found if name in index}
    while waiting:
        met |= waiting
        waiting = {n for name in waiting for n in IMPORT.findall(found[name].read_text())} - met
    return met


def test_they_are_compressed_before_somebody_asks(monkeypatch, tmp_path):
    monkeypatch.setenv("PROXPROP_HOME", str(tmp_path))
    compress_ahead()
    kept = {path.name for path in (tmp_path / "cache" / "static").iterdir()}
    assert {
        compressed(path).name for path in widget_scripts() if path.stat().st_size > 1024
    } <= kept


def test_no_page_brings_a_second_chart_library():
    sources = [*(ROOT / "app").rglob("*.py"), *(ROOT / "pages").glob("*.py")]
    assert len(sources) > 100
    assert not [path.name for path in sources if "plotly_chart" in path.read_text()]
