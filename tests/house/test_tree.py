"""The house in order: what reviewers would otherwise have to look for."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 500  # lines of a Python file


def _files() -> list[Path]:
    """What git tracks or would track; in an unpacked archive: everything that is no artefact."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode == 0:
        found = [ROOT / name for name in done.stdout.split("\0") if name]
    else:
        hidden = re.compile(r"(^|/)((?!\.ci/)\.[a-z_]+|var|__pycache__|\w+\.egg-info)/")
        paths = (path for path in ROOT.rglob("*") if path.is_file())
        found = [path for path in paths if not hidden.search(str(path.relative_to(ROOT)))]
    # A file that git tracks may have been removed a moment ago.
    return [path for path in found if path.is_file()]


def test_no_python_file_is_too_long_to_read() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text().splitlines())
        for path in _files()
        if path.suffix == ".py"
    }
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_mirrored_test_folders_are_no_packages() -> None:
    # pytest would import tests/smtp/__init__.py as the package `smtp`.
    packages = {path.parent.relative_to(ROOT) for path in _files() if path.name == "__init__.py"}
    mirrored = {str(path) for path in packages if path.parts[0] == "tests"}
    assert mirrored <= {"tests", "tests/support"}


def test_nothing_names_somebodys_machine() -> None:
    private = re.compile(rb"(?<![\w.-])/(work|root|home|Users)/\w")
    named = [
        str(path.relative_to(ROOT))
        for path in _files()
        if path != Path(__file__) and private.search(path.read_bytes())
    ]
    assert named == []


def test_locks_pin_by_hash_and_name_no_registry() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        pins = re.findall(r"^[\w.-]+(?:\[[\w,-]+\])?==", text, re.MULTILINE)
        assert len(pins) > 30
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text
        assert "--index" not in text


def test_imports_go_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
