"""dbt does not outlive the pipeline that started it."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

_SLEEPING = """
import os, sys, time
def cli(prog_name):
    open(sys.argv[1], "w").write(str(os.getpid()))
    time.sleep(900)
"""
_PIPELINE = """
import os
import sys
from pathlib import Path
from pipelines import dbt
noted, programs = sys.argv[1:]
dbt.call([noted], os.environ | {"PYTHONPATH": programs}, Path.cwd())
"""
_WAIT_S = 120


def test_dbt_ends_with_a_pipeline_that_is_killed(tmp_path: Path):
    """One that went on would write a dead candidate's rows into the next one's marts."""
    program = tmp_path / "programs/dbt/cli/main.py"
    program.parent.mkdir(parents=True)
    program.write_text(_SLEEPING)
    for package in (program.parent, program.parent.parent):
        (package / "__init__.py").touch()
    noted = tmp_path / "pid"
    pipeline = subprocess.Popen(
        [sys.executable, "-c", _PIPELINE, str(noted), str(tmp_path / "programs")],
        cwd=Path(__file__).resolve().parents[2],
    )
    _until(lambda: noted.exists() and noted.read_text())
    dbt = int(noted.read_text())
    assert _runs(dbt)
    pipeline.send_signal(signal.SIGKILL)
    pipeline.wait()
    try:
        _until(lambda: not _runs(dbt))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(dbt, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(") ")[2].startswith("Z"))


def _until(reached) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.05)
