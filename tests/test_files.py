import signal

import pytest

from enfold import InputError
from enfold.files import write


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
