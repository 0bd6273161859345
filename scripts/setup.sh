#!/bin/sh
# Make .venv and install exactly requirements.lock into it, every file checked against its hash; then Yici itself,
# editable. Called by `make setup`, which calls it only when the lock or the project's settings changed.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

command -v "$python" >/dev/null 2>&1 || fail "no $python here; install Python 3.11 or newer, or name one: make setup PYTHON=python3.12"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    fail "$("$python" --version) is too old; Yici needs Python 3.11 or newer. Name one: make setup PYTHON=python3.12"
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || [ ! -x .venv/bin/pip ]; then
    rm -rf .venv
    "$python" -m venv .venv
fi

echo "setup: installing $(grep -c '==' requirements.lock) packages into .venv (1.5 GB; minutes where nothing is cached)"
# uv, too, comes from the lock.
awk '/^uv==/ { wanted = 1 } wanted { print } wanted && !/\\$/ { exit }' requirements.lock > .venv/uv.lock
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock

# uv does not read pip's configuration, where many campuses name their mirror.
if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}${UV_CONFIG_FILE:-}" ]; then
    mirror=${PIP_INDEX_URL:-$(.venv/bin/pip config get global.index-url 2>/dev/null || true)}
    [ -z "$mirror" ] || export UV_DEFAULT_INDEX="$mirror"
fi
if ! .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --compile-bytecode -r requirements.lock; then
    echo "setup: uv could not install the lock; pip, with its own configuration, tries now"
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
fi
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
