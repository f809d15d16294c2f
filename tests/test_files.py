import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from enfold import InputError
from enfold.cli import main
from enfold.files import DAY, TEMPORARY, check_new_folder, remove_leftovers, write, write_folder
from enfold.fitting import _claimed, resume

KILLED_WRITING = """
import os, signal, sys
from enfold import files
files.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
files.write(sys.argv[1] + "/a.txt", "new")
"""
KILLED_WRITING_A_FOLDER = """
import os, signal, sys
from enfold import files
def content():
    yield "a.txt", b"a"
    os.kill(os.getpid(), signal.SIGKILL)
files.write_folder(sys.argv[1] + "/new", content())
"""
OF_OTHERS = (
    ".enfold-.part",
    ".enfold-0123.part",
    f"enfold-{'0' * 32}.part",
    f".enfold-{'0' * 32}.part~",
    ".a.txt.x1y2",
)


def test_what_is_written_is_read(tmp_path):
    assert write(tmp_path / "new" / "a.txt", "größe").read_bytes() == "größe".encode()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]


def test_an_interruption_leaves_no_part(tmp_path, monkeypatch):
    def interrupted(handle):
        raise KeyboardInterrupt

    path = write(tmp_path / "a.txt", "old")
    monkeypatch.setattr("os.fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(path, "new")
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"


@pytest.fixture
def small_disk():
    """Makes files above 4 KiB fail as on a full disk."""
    resource = pytest.importorskip("resource", reason="this system has no limit on the size of files")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new_one(tmp_path, small_disk):
    path = write(tmp_path / "a.txt", "old")
    with pytest.raises(InputError, match="Free some space"):
        write(path, "x" * 100_000)
    assert path.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.fixture
def killed(tmp_path):
    """Leaves in a folder what a process leaves that is killed while it writes there."""

    def leave(folder=tmp_path, code=KILLED_WRITING):
        before = {*folder.iterdir()}
        assert subprocess.run([sys.executable, "-c", code, str(folder)]).returncode == -signal.SIGKILL
        (left,) = {*folder.iterdir()} - before
        assert TEMPORARY.fullmatch(left.name)
        return left

    return leave


@pytest.mark.parametrize("code", [KILLED_WRITING, KILLED_WRITING_A_FOLDER])
def test_what_killed_processes_left_goes_and_nothing_else(tmp_path, killed, code):
    for name in OF_OTHERS:
        (tmp_path / name).write_text("precious")
    left = killed(code=code)
    remove_leftovers(tmp_path)
    assert not left.exists()
    assert {path.name for path in tmp_path.iterdir()} == {*OF_OTHERS}


def test_where_others_may_be_writing_only_what_is_old_goes(tmp_path, killed):
    left = killed()
    write(tmp_path / "b.txt", "b")
    assert left.exists()
    os.utime(left, (0, left.stat().st_mtime - DAY - 60))
    write(tmp_path / "b.txt", "b")
    assert [path.name for path in tmp_path.iterdir()] == ["b.txt"]


def test_a_folder_with_nothing_but_leftovers_is_empty(tmp_path, killed):
    killed(code=KILLED_WRITING_A_FOLDER)
    assert check_new_folder(tmp_path) == tmp_path
    write_folder(tmp_path, [("a.txt", b"a")])
    assert (tmp_path / "a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("opened", [resume, lambda folder: main(["report", str(folder)])])
def test_who_writes_into_a_run_removes_what_was_left_there(digits_run, tmp_path, killed, opened):
    folder = shutil.copytree(digits_run.folder, tmp_path / "run")
    before = {*folder.rglob("*")}
    for place in (folder, folder / "figures", folder / "sections", folder / "checkpoint"):
        killed(place)
    killed(folder / "figures", KILLED_WRITING_A_FOLDER)
    opened(folder)
    assert {*folder.rglob("*")} == before | {folder / ".lock"}


def test_fits_that_begin_in_the_same_instant_have_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("enfold.fitting.time.strftime", lambda *given: "now")
    with ThreadPoolExecutor(16) as pool:
        folders = [*pool.map(lambda _: _claimed(None, "data.csv", "default"), range(50))]
    assert len({*folders}) == 50
    assert all(folder.is_dir() for folder in folders)
    with pytest.raises(InputError, match="exists already"):
        _claimed(folders[0], "data.csv", "default")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be made"):
        _claimed("file/run", "data.csv", "default")
