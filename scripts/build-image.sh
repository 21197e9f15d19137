#!/bin/bash
# Builds all that a node boots, from Debian's own packages: build-image.sh SUITE OUT
#
#   SUITE  bookworm (Debian 12, dracut 059) or trixie (Debian 13, dracut-ng 106)
#   OUT    gets vmlinuz, initrd.img, root.oci (label "latest"), and of the same tree rootfs.tar.xz, rootfs.squashfs and
#          rootfs.erofs; kexec.oci has kernel and initrd too. Untouched if the build fails
#
# The root is a minimal Debian with systemd, made for trying things out: root's password is "slipway", and on the
# console it reports what it booted from. The initrd has the drivers of virtual machines only; for real hardware take
# linux-image-amd64 and leave out --omit and --add-drivers (see docs/roots.md).
# Needs root, mmdebstrap, umoci, skopeo, xz, squashfs-tools and erofs-utils. Nothing is done if OUT was already made from the same inputs.

set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)

say() { printf 'build-image: %3d s  %s\n' "$SECONDS" "$*"; }
die() {
    printf 'build-image: %s\n' "$*" >&2
    exit 1
}

# ---- Steps that run in mmdebstrap's hook, with the new system's /proc, /sys and /dev mounted; $1 is its root ----

# Copies the modules that a root in a virtual machine needs: virtio, network protocols, file systems. $1: the root;
# $2: where to; $3: the kernel's version
copy_kernel_modules() {
    local from=$1/usr/lib/modules/$3 stage=$1/tmp/stage path
    local to=$stage/usr/lib/modules/$3
    mkdir -p "$to/kernel/drivers/net" "$to/kernel/fs"
    cp "$from"/modules.{order,builtin,builtin.modinfo} "$to"
    cp -a "$from"/kernel/{net,lib,crypto,arch} "$to/kernel"
    for path in "$from"/kernel/drivers/{block,virtio} "$from"/kernel/fs/{overlayfs,squashfs,erofs,ext4,jbd2,nls} \
        "$from"/kernel/fs/mbcache.ko* "$from"/kernel/drivers/net/{virtio_net,net_failover}.ko*; do
        [ -e "$path" ] && cp -a "$path" "$to/kernel/$(dirname "${path#"$from/kernel/"}")"
    done
    chroot "$1" depmod --basedir /tmp/stage/usr "$3"
    cp -a "$stage/usr" "$2"
}

# Installs packages. $1: the root; $2: where the log goes; then their names
install_packages() {
    local root=$1 work=$2
    shift 2
    DEBIAN_FRONTEND=noninteractive chroot "$root" apt-get --yes --no-install-recommends --quiet install "$@" \
        > "$work/apt.log" 2>&1 || { tail -n 40 "$work/apt.log"; return 1; }
}

# Makes an initrd. $1: the root; $2: where it and the log go; $3: the kernel's version; $4: the dracut module; $5: the name
# of its file; $6: drivers
make_initrd() {
    chroot "$1" dracut --force --no-hostonly --no-hostonly-cmdline --no-early-microcode --reproducible --zstd \
        --add "$4" --omit 'kernel-modules kernel-modules-extra qemu qemu-net nvdimm i18n' --add-drivers "$6" \
        --kver "$3" "/boot/$5" > "$2/dracut.log" 2>&1 || { cat "$2/dracut.log"; return 1; }
    grep -iE 'cannot|not found|error' "$2/dracut.log" || true
    cp "$1/boot/$5" "$2/out/$5"
}

hook() {
    local root=$1 work=$2 kernel
    say 'root file system is installed; adding kernel and dracut beside it'
    cp --archive --one-file-system "$root" "$work/base"
    # The kernel's package need not make an initrd of its own.
    export INITRD=No
    install_packages "$root" "$work" linux-image-cloud-amd64 dracut-core dracut-network dracut-live curl ca-certificates \
        jq zstd xz-utils e2fsprogs erofs-utils kexec-tools nbd-client dmsetup || return 1
    kernel=$(basename "$root"/usr/lib/modules/*)
    cp -R "$here"/dracut-modules/[0-9]* "$root/usr/lib/dracut/modules.d/"
    say "making the initrd for kernel $kernel"
    make_initrd "$root" "$work" "$kernel" slipway initrd.img \
        'virtio_pci virtio_net virtio_blk virtio_scsi virtio_console virtio_rng overlay squashfs' || return 1
    cp "$root/boot/vmlinuz-$kernel" "$work/out/vmlinuz"
    say 'making the initrd that runs containers'
    install_packages "$root" "$work" crun attr nftables busybox fdisk cryptsetup-bin inotify-tools || return 1
    make_initrd "$root" "$work" "$kernel" slipway-containers containers.img \
        'virtio_pci virtio_net virtio_blk virtio_scsi' || return 1
    copy_kernel_modules "$root" "$work/layer" "$kernel"
    mkdir -p "$work/kernel/usr/lib/modules/$kernel"
    cp "$work/out/vmlinuz" "$work/kernel/usr/lib/modules/$kernel/vmlinuz"
    cp "$work/out/initrd.img" "$work/kernel/usr/lib/modules/$kernel/initramfs.img"
}

if [ "${1:-}" = --hook ]; then
    SECONDS=$(($(date +%s) - $4))
    hook "$2" "$3"
    exit
fi

# ---- The whole ----

[ $# -eq 2 ] || die 'usage: build-image.sh SUITE OUT'
suite=$1
out=$(realpath -m "$2")
case $suite in bookworm | trixie) ;; *) die "unknown suite $suite: bookworm or trixie" ;; esac
[ "$(id -u)" -eq 0 ] || die 'must run as root'
for tool in mmdebstrap umoci skopeo xz mksquashfs mkfs.erofs; do
    command -v "$tool" > /dev/null || die "$tool is missing: apt install mmdebstrap umoci skopeo xz-utils squashfs-tools erofs-utils"
done

inputs=$({
    echo "$suite"
    cat "$0" "$here/scripts/image-files.sh"
    find "$here/dracut-modules" -type f | LC_ALL=C sort | xargs cat
} | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$out/inputs.sha256" 2> /dev/null)" = "$inputs" ]; then
    say "$out is up to date"
    exit
fi

mkdir -p "$(dirname "$out")"
work=$(mktemp -d "$out.XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT
chmod 755 "$work"
mkdir "$work/out" "$work/layer"

say "installing Debian $suite"
mmdebstrap --quiet --variant=minbase \
    --include=systemd,systemd-sysv,udev,dbus,iproute2,kmod,login,passwd,util-linux,procps \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --customize-hook="bash '$0' --hook \"\$1\" '$work' $(date +%s)" \
    "$suite" "$work/builder" || die "mmdebstrap failed"

say 'making the layers'
# shellcheck source-path=SCRIPTDIR source=image-files.sh
. "$here/scripts/image-files.sh"
clean_base "$work/base"
write_layer "$work/base" "$work/layer"
tar --create --file "$work/base.tar" --directory "$work/base" --numeric-owner --xattrs --acls --sort=name .
tar --create --file "$work/layer.tar" --directory "$work/layer" --owner=0 --group=0 --numeric-owner --sort=name .
umoci init --layout "$work/oci" > /dev/null
umoci new --image "$work/oci:latest" > /dev/null
umoci raw add-layer --image "$work/oci:latest" "$work/base.tar"
umoci raw add-layer --image "$work/oci:latest" "$work/layer.tar"
umoci gc --layout "$work/oci" > /dev/null
skopeo copy --quiet "oci:$work/oci:latest" "oci-archive:$work/out/root.oci:latest"

say 'making kexec.oci, with kernel and initrd in a third layer'
tar --create --file "$work/kernel.tar" --directory "$work/kernel" --owner=0 --group=0 --numeric-owner --sort=name .
umoci tag --image "$work/oci:latest" kexec
umoci raw add-layer --image "$work/oci:kexec" "$work/kernel.tar"
skopeo copy --quiet "oci:$work/oci:kexec" "oci-archive:$work/out/kexec.oci:latest"

say 'making rootfs.tar.xz, rootfs.squashfs and rootfs.erofs of the same tree'
umoci raw unpack --image "$work/oci:latest" "$work/rootfs" > "$work/umoci.log" 2>&1 || { cat "$work/umoci.log"; exit 1; }
tar --create --directory "$work/rootfs" --numeric-owner --xattrs --acls --sort=name . | xz -T0 -2 > "$work/out/rootfs.tar.xz"
mksquashfs "$work/rootfs" "$work/out/rootfs.squashfs" -comp zstd -Xcompression-level 6 -no-progress -quiet
mkfs.erofs -zlz4hc "$work/out/rootfs.erofs" "$work/rootfs" > "$work/erofs.log" 2>&1 || { cat "$work/erofs.log"; exit 1; }

echo "$inputs" > "$work/out/inputs.sha256"
rm -rf "$out"
mv "$work/out" "$out"
say "done: $out"
du -h "$out"/*
