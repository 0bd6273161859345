"""`wrk` as the driver of a server flat out, where it is installed: it costs less than a driver in Python.

It sends the same ready-made requests in turn, each about somebody else. It counts failures without their status, and
knows no rate that holds when answers are late: for a constant rate the bundled driver is used.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.service_driver import FAILED, Drive

_FILE = "YICI_BENCH_REQUESTS"
_SCRIPT = """
local requests, at = {}, 0
local file = io.open(os.getenv("%s"), "rb")
for length in function() return file:read("*l") end do
    requests[#requests + 1] = file:read(tonumber(length))
end
file:close()
function request()
    at = at %% #requests + 1
    return requests[at]
end
function done(summary, latency, _)
    local e, shares = summary.errors, {}
    for share = 1, 999 do shares[share] = latency:percentile(share / 10) end
    io.write(string.format('\\n{"requests": %%d, "us": %%d, "refused": %%d, "broken": %%d, "shares": [%%s]}\\n',
        summary.requests, summary.duration, e.status, e.connect + e.read + e.write + e.timeout,
        table.concat(shares, ", ")))
end
"""


def is_installed() -> bool:
    """Whether there is a `wrk` on this machine."""
    return shutil.which("wrk") is not None


def flat_out(port: int, requests: Sequence[bytes], seconds: float, connections: int) -> Drive:
    """Ask as fast as answers come, each connection one request at a time; see `service_driver.flat_out`.

    Raises:
        SystemExit: wrk failed; with its last words.
    """
    with tempfile.TemporaryDirectory(prefix="yici-wrk-") as folder:
        script, content = Path(folder) / "drive.lua", Path(folder) / "requests"
        script.write_text(_SCRIPT % _FILE)
        content.write_bytes(b"".join(b"%d\n%s" % (len(one), one) for one in requests))
        content.chmod(0o600)  # tokens stand in it
        command = [
            "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{max(1, round(seconds))}s",
            "--script", str(script), f"http://127.0.0.1:{port}",
        ]  # fmt: skip
        done = subprocess.run(
            command, env=os.environ | {_FILE: str(content)}, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise SystemExit(f"wrk: {(done.stderr or done.stdout)[-500:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return Drive(
        seconds=told["us"] / 1e6,
        statuses=Counter({200: told["requests"] - told["refused"], FAILED: told["refused"] + told["broken"]}),
        latencies_s=[us / 1e6 for us in told["shares"]],
    )
