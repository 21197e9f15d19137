#!/bin/bash
# Reading container images: OCI archives and registries.

check() { require_binaries jq && return 255; }

depends() { echo slipway-lib; }

install() {
    inst_multiple jq
    for lib in oci-lib oci-layers oci-tree oci-archive oci-registry; do
        inst_simple "$moddir/$lib.sh" "/lib/slipway/$lib.sh"
    done
}
