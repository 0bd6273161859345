#!/bin/sh
# What the tests need beyond .venv: a MariaDB server program, and LibreOffice's spreadsheet, which writes workbooks
# that Python libraries do not. Installs them on Debian as root; elsewhere says what is missing, and pytest names the
# tests that it skips for that.
set -eu

have() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1; }

missing=
have mariadbd || missing="mariadb-server"
have soffice || missing="$missing libreoffice-calc-nogui"
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
