#!/bin/sh
# The Python environment .venv, of the system's Python, with exactly what uv.lock says. $1: --test for the tests' tools.
# uv does it where there is one; pip does it where there is none. Nothing is done when the lock is the one of last time.
set -eu
cd "$(dirname "$(readlink -f "$0")")/../.."

PYTHON=/usr/bin/python3
stamp=".venv/.locked$1"
sum=$(sha256sum uv.lock | cut -d' ' -f1)
[ "$(cat "$stamp" 2>/dev/null)" != "$sum" ] || exit 0

echo "install: Python packages of uv.lock into .venv" >&2
sync_by_uv() {
    command -v uv >/dev/null || return 1
    no_dev=--no-dev
    [ -z "$1" ] || no_dev=
    # Compiled now, as pip does it: a service that may write nothing here would compile everything at each start.
    UV_PROJECT_ENVIRONMENT=.venv uv sync --quiet --frozen --inexact --no-install-project --compile-bytecode \
        $no_dev --python $PYTHON
}
sync_by_pip() {
    [ -x .venv/bin/pip ] || $PYTHON -m venv .venv
    wanted=$(mktemp)
    trap 'rm -f "$wanted"' EXIT
    $PYTHON scripts/lib/locked.py $1 <uv.lock >"$wanted"
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$wanted"
}
if ! sync_by_uv "$1" && ! sync_by_pip "$1"; then
    echo "install: the Python packages could not be fetched (see above); with a network, run this again" >&2
    exit 1
fi
echo "$sum" >"$stamp"
[ -z "$1" ] || echo "$sum" >.venv/.locked
