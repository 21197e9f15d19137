#!/bin/bash
# rd.container.rootfs=URL: a tar archive, unpacked into memory while it arrives.

check() {
    return 255
}

depends() {
    echo slipway-lib
}

install() {
    inst_simple "$moddir/container-root.sh" /lib/slipway/methods/container-root.sh
}
