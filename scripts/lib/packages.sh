# Debian's packages without the services that they would start. Read by scripts/install.

# The ones of $1 that are not installed, on one line.
missing_packages() {
    for package in $1; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || printf '%s ' "$package"
    done
}

# Installs what is missing of the packages $1; $2 is the command that root may run instead of us.
install_packages() {
    missing=$(missing_packages "$1")
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "install: this needs Debian 12 or a relative (no apt-get here); by hand: $missing" >&2
        exit 1
    fi
    if [ "$(id -u)" != 0 ]; then
        echo "install: these Debian packages are missing, and only root may install them: $missing" >&2
        echo "install: run this line, then the same command again:" >&2
        echo "    sudo $PWD/$2" >&2
        exit 1
    fi
    echo "install: Debian packages, none of whose services will be started: $missing" >&2
    hold_services
    log=$(mktemp)
    if ! get_packages $missing >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "install: apt-get failed; the whole output is in $log. Mend what it names and run this again" >&2
        exit 1
    fi
    rm -f "$log"
    release_services
    trap - EXIT
}

# Fetches the lists only where there are none, or they are too old to be of use.
get_packages() {
    install="apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0"
    export DEBIAN_FRONTEND=noninteractive
    $install "$@" || { apt-get update && $install "$@"; }
}

POLICY=/usr/sbin/policy-rc.d

# Debian's kamailio and postgresql start a server of their own when they are installed. This file says no to that.
hold_services() {
    trap release_services EXIT
    trap 'exit 130' INT TERM
    [ ! -e $POLICY ] || mv $POLICY $POLICY.before-kambill
    printf '#!/bin/sh\n# Of scripts/install of Kambill, for as long as it runs.\nexit 101\n' >$POLICY
    chmod 755 $POLICY
}

# Puts back what stood there.
release_services() {
    rm -f $POLICY
    [ ! -e $POLICY.before-kambill ] || mv $POLICY.before-kambill $POLICY
}
