#!/bin/sh
# What the tests need beyond .venv: datacontract-cli in an environment of its own; a MariaDB server program,
# LibreOffice's spreadsheet, which writes workbooks that Python libraries do not, a browser, what the examples for
# other languages run with, and other people's judges of certificates. Installs the programs on Debian as root;
# elsewhere says what is missing, and pytest names the tests that it skips for that.
set -eu

here=$(dirname "$0")
venv=$here/../.venv
judges=$venv/judges
if ! cmp -s "$here/judges.txt" "$judges/installed.txt"; then
    echo "tests: installing $(grep -c '==' "$here/judges.txt") packages into .venv/judges"
    # uv does not read pip's configuration, where many campuses name their mirror.
    if [ -z "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}${UV_CONFIG_FILE:-}" ]; then
        mirror=${PIP_INDEX_URL:-$("$venv/bin/pip" config get global.index-url 2>/dev/null || true)}
        [ -z "$mirror" ] || export UV_DEFAULT_INDEX="$mirror"
    fi
    if "$venv/bin/uv" venv --quiet --clear --python "$venv/bin/python" "$judges" &&
        "$venv/bin/uv" pip install --quiet --python "$judges/bin/python" -r "$here/judges.txt"; then
        cp "$here/judges.txt" "$judges/installed.txt"
    else
        rm -rf "$judges"
        echo "tests: datacontract-cli not installed; the tests that need it are skipped and named at the end"
    fi
fi

have() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1; }

missing=
have mariadbd || missing="mariadb-server"
have soffice || missing="$missing libreoffice-calc-nogui"
have javac || missing="$missing default-jdk-headless"
have chromium || missing="$missing chromium"
have pdfsig || missing="$missing poppler-utils"
have node || missing="$missing nodejs"
have softhsm2-util || missing="$missing softhsm2"
[ -e /usr/share/fonts/truetype/babelstone/BabelStoneHan.ttf ] || missing="$missing fonts-babelstone-han"
for program in curl jq openssl; do have "$program" || missing="$missing $program"; done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
    echo "tests: not here, packages: $missing; the tests that need them are skipped and named at the end"
    exit 0
fi

echo "tests: installing $missing"
log=$(mktemp)
rule=/usr/sbin/policy-rc.d
[ -e "$rule" ] && rule=
finish() { rm -f "$log" ${rule:+"$rule"}; }
trap finish EXIT
# The tests start a server of their own; the package's must not occupy this machine.
[ -z "$rule" ] || { printf '#!/bin/sh\nexit 101\n' > "$rule"; chmod +x "$rule"; }
# shellcheck disable=SC2086 # a list of packages
if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
    > "$log" 2>&1; then
    tail -n 3 "$log"
    echo "tests: not installed: $missing; the tests that need them are skipped and named at the end"
fi
