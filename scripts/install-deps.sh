#!/bin/sh
# Installs what is missing of what a part of the project needs: install-deps.sh serve | docs | demo | test
#
#   serve  building the server and running it: npm packages of the lock file, and nothing from Debian
#   docs   the same, and what builds the documentation as a site; nothing from Debian either
#   demo   as serve, and what builds an image and boots it in a virtual machine
#   test   all of these, and what the tests compare with and check with
#
# Does nothing where all is there. Debian's packages need root or sudo. Their services are neither started nor enabled,
# and nothing is removed or upgraded for them but what they depend on in a newer version.
set -eu
cd "$(dirname "$0")/.."

need_node() {
    echo "slipway: Node.js 20.19, 22.13, 23.4 or newer is needed ($1)." >&2
    echo "slipway: Debian 13 has it as package nodejs; on Debian 12 take it from nodejs.org." >&2
    exit 1
}
command -v node > /dev/null || need_node 'none is installed'
# The versions between have no SQLite to keep boots in.
node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 23 || minor >= { 20: 19, 22: 13, 23: 4 }[major] ? 0 : 1);
' ||
    need_node "this is $(node --version)"

demo="
    ca-certificates chromium curl debian-archive-keyring dnsmasq-base erofs-utils ipxe ipxe-qemu iproute2 mmdebstrap
    mount openssl qemu-system-x86 seabios skopeo squashfs-tools umoci util-linux xz-utils zstd"
# Servers among them are used as programs only. g++, make and python3 compile better-sqlite3 where no binary is to be had;
# g++-aarch64-linux-gnu does for the Debian package of arm64.
test="
    atftp atftpd attr binutils bubblewrap busybox bzip2 cryptsetup-bin docker-registry dosfstools e2fsprogs
    fakeroot fdisk fish g++ g++-aarch64-linux-gnu python3
    isc-dhcp-relay jq kea-admin lintian lz4 make mtools netavark nftables nginx-light nmap ovmf podman postgresql procps
    prometheus qemu-user-static
    selinux-policy-default selinux-utils
    shellcheck systemd-boot-efi tcpdump tftp-hpa wget wrk zsh"
case ${1:-} in
    serve | docs) packages= ;;
    demo) packages=$demo ;;
    test) packages="$demo $test" ;;
    *)
        echo 'usage: install-deps.sh serve | docs | demo | test' >&2
        exit 1
        ;;
esac

missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing="$missing $package"
done

# The packages that are installed, a line each.
installed() { dpkg-query -W -f '${db:Status-Status} ${binary:Package}\n' | sed -n 's/^installed //p' | sort; }

# Disables the services of packages that were not installed before, as an administrator would: upgrades and restarts
# leave it so. $1: a file with the packages before
disable_new_services() {
    installed | comm -13 "$1" - | while read -r package; do
        # systemd is the one whose units make a machine start.
        case $package in systemd | systemd-sysv | udev | dbus) continue ;; esac
        for scope in system user; do
            dpkg -L "$package" | sed -n "s|^\(/usr\)\?/lib/systemd/$scope/\([^/]*\.[a-z]*\)\$|\2|p" | while read -r unit; do
                systemctl "--$([ $scope = user ] && echo global || echo system)" disable "$unit" > /dev/null 2>&1 || true
            done
        done
        dpkg -L "$package" | sed -n 's|^/etc/init.d/\([^/]*\)$|\1|p' | while read -r script; do
            update-rc.d "$script" disable > /dev/null 2>&1 || true
        done
    done
}

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "slipway: these Debian packages are missing:$missing" >&2
        echo "slipway: run this as root or with sudo, so that they can be installed." >&2
        exit 1
    fi
    echo "slipway: installing from Debian:$missing"
    before=$(mktemp)
    installed > "$before"
    policy=/usr/sbin/policy-rc.d
    made=
    # Also where the installation fails half way.
    trap 'disable_new_services "$before"; rm -f "$before" $made' EXIT
    trap 'exit 1' HUP INT TERM
    # Keeps the packages' own services from starting while they are configured.
    [ -e "$policy" ] || {
        made=$policy
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
    }
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    apt-get install -y -q --no-install-recommends --no-upgrade --no-remove $missing
fi

# Installs the npm packages of a lock file. $1: its folder
install_npm() {
    stamp=$1/node_modules/.package-lock.json
    [ ! -e "$stamp" ] || [ -n "$(find "$1/package-lock.json" -newer "$stamp")" ] || return 0
    echo "slipway: installing the npm packages of $1/package-lock.json"
    npm ci --prefix "$1"
    touch "$stamp"
}
install_npm .
# What builds the site takes 100 MB: the server and the demo do without.
case $1 in docs | test) install_npm site ;; esac
