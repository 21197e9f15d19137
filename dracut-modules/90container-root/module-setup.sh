#!/bin/bash
# rd.container.rootfs=URL: an archive, unpacked into memory while it arrives.

check() { return 255; }

depends() {
    echo slipway-lib
    # Without jq it still reads tar archives.
    if find_binary jq > /dev/null; then echo slipway-oci; fi
}

install() {
    inst_simple "$moddir/container-root.sh" /lib/slipway/methods/container-root.sh
}
