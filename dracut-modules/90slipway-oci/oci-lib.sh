#!/bin/sh
# The documents of an OCI image (OCI image specification 1.1: descriptor.md, image-index.md, manifest.md). Blobs are
# files in $slipway_store, called by the hex digits of their digest. $oci_label is what bootclabel= says, empty for none.

# The name in the image specification of this machine's architecture.
oci_architecture() {
    case $(uname -m) in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 ;;
        armv7*) echo arm ;;
        i?86) echo 386 ;;
        *) uname -m ;;
    esac
}

# Whether $1 is a digest that this code can check: nothing else may become part of a path.
oci_is_digest() {
    case $1 in
        sha256:*) slipway_is_digest "${1#sha256:}" ;;
        *) return 1 ;;
    esac
}

# Takes an index or a manifest into a file, with its digest checked. $1: digest; $2: file. 2: it is not there.
oci_document() {
    oci_is_digest "$1" ||
        slipway_failed "the image names a blob by '$1', which is no SHA-256 digest" 'Make the image anew.' || return 1
    [ -f "$slipway_store/${1#sha256:}" ] || return 2
    head -c 8388608 "$slipway_store/${1#sha256:}" > "$2"
    slipway_check_digest "${1#sha256:}" "$(sha256sum < "$2" | cut -d ' ' -f 1)" "blob $1 of $slipway_source"
}

# Chooses among the descriptors of an index by label. $1: the index; prints a digest, or nothing.
# First the label itself; then a whole reference that ends in it, as podman writes; and where no label was asked for,
# or the usual one, the only image there is.
oci_choose() {
    jq -r --arg wanted "${oci_label:-latest}" '
        [.manifests[]? | {digest, name: (.annotations["org.opencontainers.image.ref.name"] // "")}] as $all
        | [$all[] | select(.name == $wanted)] as $exact
        | [$all[] | select(.name | endswith(":" + $wanted))] as $reference
        | if ($exact | length) > 0 then $exact[-1].digest
          elif ($reference | length) == 1 then $reference[0].digest
          elif ($all | length) == 1 and $wanted == "latest" then $all[0].digest
          else empty end' "$1"
}

# The labels that an index has, for a message.
oci_labels() {
    jq -r '[.manifests[]?.annotations["org.opencontainers.image.ref.name"] // "(none)"] | join(", ")' "$1"
}

# Chooses the image of an index, in $slipway_work/index.json, into $oci_digest.
oci_choose_image() {
    oci_digest=$(oci_choose "$slipway_work/index.json" 2> "$slipway_work/jq.err") ||
        slipway_failed "index.json of the archive cannot be read: $(head -n 1 "$slipway_work/jq.err")" 'Make the archive anew.' ||
        return 1
    [ -n "$oci_digest" ] ||
        slipway_failed "the archive has no image labelled ${oci_label:-latest}; its labels: $(oci_labels "$slipway_work/index.json")" \
            'Name one of them with bootclabel= (label: in the configuration).'
}

# Finds the manifest of this machine's image in $slipway_work/manifest.json, from the blob $oci_digest on, which may be
# an index of platforms. 2: the blob $oci_digest is not there.
oci_find_manifest() {
    for _ in 1 2 3; do
        oci_document "$oci_digest" "$slipway_work/manifest.json" || return
        jq -e '.manifests' "$slipway_work/manifest.json" > /dev/null 2>&1 || return 0
        oci_digest=$(jq -r --arg architecture "$(oci_architecture)" '
            [.manifests[] | select(.platform.os == "linux" and .platform.architecture == $architecture)][0].digest // empty' \
            "$slipway_work/manifest.json")
        [ -n "$oci_digest" ] ||
            slipway_failed "the image is not for this machine ($(oci_architecture))" 'Build it for this architecture.' || return 1
    done
    slipway_failed 'the image nests its indexes too deeply' 'Make the image anew.'
}

# Lists the layers of the manifest in $slipway_work/layers, the lowest first; their number goes to $oci_count.
oci_list_layers() {
    jq -r '.layers[] | [.digest, .mediaType // ""] | @tsv' "$slipway_work/manifest.json" \
        > "$slipway_work/descriptors" 2> "$slipway_work/jq.err" ||
        slipway_failed "the image's manifest cannot be read: $(head -n 1 "$slipway_work/jq.err")" 'Make the image anew.' ||
        return 1
    : > "$slipway_work/layers"
    while IFS='	' read -r oci_digest oci_type; do
        oci_is_digest "$oci_digest" ||
            slipway_failed "the image names a layer by '$oci_digest', which is no SHA-256 digest" 'Make the image anew.' || return 1
        case $oci_type in
            *tar*) ;;
            *) slipway_failed "a layer is of an unknown type, '$oci_type'" 'Build a container image, not another artifact.' || return 1 ;;
        esac
        printf '%s\n' "$oci_digest" >> "$slipway_work/layers"
    done < "$slipway_work/descriptors"
    oci_count=$(wc -l < "$slipway_work/layers")
    [ "$oci_count" -gt 0 ] || slipway_failed 'the image has no layers' 'Make the image anew.'
}
