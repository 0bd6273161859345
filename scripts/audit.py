"""Ask whether a version in requirements.lock has a known vulnerability: `make check` does, once a day and per lock.

Data centres have no way out: where the question cannot be asked within a minute, this says so and goes on (exit code
0). What is found is told, and fails the check (1). YICI_AUDIT_URL names a mirror of the OSV service.
"""

import hashlib
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

TIMEOUT_S = 60
_ROOT = Path(__file__).resolve().parents[1]


def main(lock: Path, stamp: Path) -> int:
    """Audit a lock file and return the exit code.

    Args:
        lock: pinned requirements with hashes.
        stamp: where is noted what was asked when; nothing is asked twice on one day.
    """
    today = f"{datetime.now(UTC):%Y-%m-%d} {hashlib.sha256(lock.read_bytes()).hexdigest()}"
    if stamp.is_file() and stamp.read_text() == today:
        print(f"✓ dependencies: {lock.name} was audited today")
        return 0
    answer = _asked(lock)
    if answer is None:
        print(
            "! dependencies: NOT audited: no answer from the vulnerability service. The other checks stand; run"
        )
        print("  `make check` once where the network allows, before a release")
        return 0
    found = [
        (one["name"], one["version"], known)
        for one in answer["dependencies"]
        for known in one.get("vulns", ())
    ]
    for name, version, known in found:
        mended = ", ".join(known["fix_versions"]) or "no version yet"
        print(f"✕ dependencies: {name} {version}: {known['id']}; mended in {mended}", file=sys.stderr)
    if found:
        print("  update: make lock UPGRADE=--upgrade, then make setup and make test", file=sys.stderr)
        return 1
    stamp.write_text(today)
    print(f"✓ dependencies: nothing known against {len(answer['dependencies'])} packages")
    return 0


def _asked(lock: Path) -> dict | None:
    command = [
        *(sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip", "--require-hashes"),
        *(
            "--vulnerability-service",
            "osv",
            "--format",
            "json",
            "--progress-spinner",
            "off",
            "--timeout",
            "5",
        ),
    ]
    if url := os.environ.get("YICI_AUDIT_URL"):
        command += ["--osv-url", url]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        return json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return None


if __name__ == "__main__":
    sys.exit(main(_ROOT / "requirements.lock", _ROOT / ".venv" / "audited"))
