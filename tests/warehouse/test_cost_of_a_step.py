"""What the benchmark says that a step cost: `benchmarks.processes`."""

import os
import subprocess
import sys

from benchmarks import processes

FAMILY = """
import subprocess, sys, time
holds = "import time; held = b'x' * (60 << 20); print(flush=True); time.sleep(1)"
child = subprocess.Popen([sys.executable, "-c", holds], stdout=subprocess.PIPE)
child.stdout.readline()
held = b"x" * (60 << 20)
began = time.process_time()
while time.process_time() < began + 0.3: pass
child.wait()
print("said")
"""


def test_a_step_costs_what_it_and_all_it_starts_hold_and_compute():
    server = subprocess.Popen(
        [sys.executable, "-c", "held = b'x' * (40 << 20); input()"], stdin=subprocess.PIPE
    )
    done, cost = processes.run([sys.executable, "-c", FAMILY], server.pid, env=os.environ)
    server.communicate(b"\n")
    assert (done.returncode, done.stdout) == (0, "said\n")
    assert 120 < cost.peak_mb < 400
    assert 40 < cost.server_mb < 100
    assert cost.own_s >= 0.3 > cost.server_s


def test_the_words_of_a_step_that_fails_are_kept():
    done, _ = processes.run(
        [sys.executable, "-c", "raise SystemExit('no such table')"], os.getpid(), env=os.environ
    )
    assert (done.returncode, done.stderr.strip()) == (1, "no such table")
