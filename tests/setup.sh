#!/bin/sh
# What the tests need beyond .venv: a MariaDB server program. Installs it on Debian as root; elsewhere says what
# is missing, and pytest names the tests that it skips for that.
set -eu

have() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null 2>&1; }

if have mariadbd; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! have apt-get; then
    echo "tests: no mariadbd here (package mariadb-server); the tests that need it are skipped and named at the end"
    exit 0
fi

echo "tests: installing mariadb-server"
log=$(mktemp)
rule=/usr/sbin/policy-rc.d
[ -e "$rule" ] && rule=
finish() { rm -f "$log" ${rule:+"$rule"}; }
trap finish EXIT
# The tests start a server of their own; the package's must not occupy this machine.
[ -z "$rule" ] || { printf '#!/bin/sh\nexit 101\n' > "$rule"; chmod +x "$rule"; }
if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mariadb-server; } \
    > "$log" 2>&1; then
    tail -n 3 "$log"
    echo "tests: mariadb-server could not be installed; the tests that need it are skipped and named at the end"
fi
