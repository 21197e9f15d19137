#!/bin/sh
# Installs from Debian what building the demo image, the tests and the VMs need, and the npm packages of the lock file.
# Does nothing where all is there. Run as root or with sudo.
set -eu
cd "$(dirname "$0")/.."

need_node() {
    echo "slipway: Node.js 20.19 or newer is needed ($1)." >&2
    echo "slipway: Debian 13 has it as package nodejs; on Debian 12 take it from nodejs.org." >&2
    exit 1
}
command -v node > /dev/null || need_node 'none is installed'
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    need_node "this is $(node --version)"

# Servers among them are used as programs only: nothing is started.
packages="
    atftp atftpd attr binutils busybox bzip2 ca-certificates cryptsetup-bin curl debian-archive-keyring dnsmasq-base docker-registry
    dosfstools e2fsprogs erofs-utils fakeroot fdisk ipxe ipxe-qemu iproute2 isc-dhcp-relay jq kea-admin lz4 make mmdebstrap mount
    mtools nftables nginx-light nmap ovmf procps qemu-system-x86 seabios selinux-policy-default selinux-utils shellcheck skopeo squashfs-tools
    systemd-boot-efi tcpdump tftp-hpa umoci util-linux wrk xz-utils zstd"

missing=
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing="$missing $package"
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "slipway: these Debian packages are missing:$missing" >&2
        echo "slipway: run this as root or with sudo, so that they can be installed." >&2
        exit 1
    fi
    echo "slipway: installing from Debian:$missing"
    # Keeps the packages' own services from starting while they are configured.
    policy=/usr/sbin/policy-rc.d
    [ -e "$policy" ] || {
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
        trap 'rm -f "$policy"' EXIT
    }
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    # shellcheck disable=SC2086 # a list of words
    apt-get install -y -q --no-install-recommends $missing
fi

stamp=node_modules/.package-lock.json
if [ ! -e "$stamp" ] || [ -n "$(find package-lock.json -newer "$stamp")" ]; then
    echo 'slipway: installing the npm packages of the lock file'
    # Not `npm ci`: it refuses a lock file made where a registry lacks the binaries of other systems. The versions are
    # those of the lock file here too, and it stays as it is.
    npm install --no-save
    touch "$stamp"
fi
