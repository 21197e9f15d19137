#!/bin/sh
# Images: each layer is unpacked into a directory of its own while it arrives, and is there once for all images. A
# container sees the layers of its image through an overlay.
#
# $containers_images/KEY has for each image its configuration (config.json) and its layers, the lowest first (layers).
# $containers_layers/ID/t is a layer's tree, and ID/opaque is there where it hides all layers below it. ID is the
# beginning of its digest, short, as the kernel takes a page of mount options.

containers_images=$containers_run/images

# The name under which an image is kept. $1: its reference
containers_image_key() {
    printf '%s' "$1" | sha256sum | cut -c 1-16
}

# The name under which a layer is kept. $1: its digest
containers_layer_id() {
    printf '%s\n' "$1" | cut -c 8-23
}

# Pulls the images of all steps. Fails with the reason recorded.
containers_pull_images() {
    local reference='' plain='' list="$slipway_work/references"
    containers_layers=$containers_scratch/layers
    mkdir -p "$containers_layers" "$containers_images" "$slipway_store"
    containers_jq -r '[.steps[].image | {reference, plain_http}] | unique[] | [.plain_http, .reference] | @tsv' > "$list"
    while IFS='	' read -r plain reference; do
        containers_pull_image "$reference" "$plain" || return 1
    done < "$list"
    # shellcheck disable=SC2046 # one word each
    cache_prune $(cat "$containers_images"/*/layers "$containers_images"/*/documents | sed 's/^sha256://' | sort -u)
}

# Pulls an image unless it is there. $1: its reference; $2: true for plain HTTP
containers_pull_image() {
    local at=''
    at=$containers_images/$(containers_image_key "$1")
    [ ! -e "$at/ready" ] || return 0
    mkdir -p "$at"
    slipway_source=docker://$1
    oci_plain=''
    [ "$2" != true ] || oci_plain=1
    slipway_say "pulling $1"
    oci_parse_reference "$1" || return 1
    containers_take_kept "$1" "$at" || slipway_repeat : containers_pull_once "$1" "$at" || return 1
    : > "$at/ready"
}

# Takes an image whose blobs are all on the cache device: one that is meant by its digest, or whose registry does not
# answer. Nothing is fetched then, but for blobs that turn out to be wrong. $1: its reference; $2: where it is kept. Fails
# where it is to be pulled.
containers_take_kept() {
    local status=''
    cache_has_image "$1" "$2" || return 1
    case $oci_wanted in
        sha256:*) ;;
        *)
            status=$(containers_curl --connect-timeout 10 --max-filesize 8388608 "$oci_base/manifests/$oci_wanted")
            case $status in
                '' | 000 | 5??) slipway_tell "the registry of $1 does not answer: the image is taken as it was at the last boot" ;;
                *) return 1 ;;
            esac
            ;;
    esac
    slipway_repeat : oci_pull_layers containers_pull_layer
}

# One try. $1: the image's reference; $2: where it is kept. Fails as slipway_repeat wants it.
containers_pull_once() {
    local at="$2" config=''
    rm -f "$slipway_store"/*
    oci_pull_documents || return
    config=$(jq -r '.config.digest // empty' "$slipway_work/manifest.json")
    oci_is_digest "$config" ||
        slipway_failed "the image $slipway_source has no configuration" 'Build a container image, not another artifact.' ||
        return 1
    cache_copy "${config#sha256:}" "$at/config.json" || oci_get "blobs/$config" "$at/config.json" || return
    slipway_check_digest "${config#sha256:}" "$(sha256sum < "$at/config.json" | cut -d ' ' -f 1)" \
        "the configuration of $slipway_source" || return
    cp "$slipway_work/layers" "$at/layers"
    printf '%s\n' "$oci_digest" "$config" > "$at/documents"
    oci_pull_layers containers_pull_layer || return
    cache_keep_image "$1" "$at"
}

# Pulls a layer unless it is there. $1: its digest
containers_pull_layer() {
    local size='' status='' at=''
    at=$containers_layers/$(containers_layer_id "$1")
    [ ! -e "$at/ready" ] || return 0
    # Where a try has broken off.
    slipway_remove "$at" && mkdir -p "$at/t" || return 1
    size=$(oci_layer_size "$1") || return 1
    cache_bytes "${1#sha256:}" containers_blob "$1" "$size" | containers_unpack_layer "$at/t" "$1"
    status=$?
    if [ "$status" -eq 0 ]; then
        cache_commit "${1#sha256:}"
    else
        cache_drop "${1#sha256:}"
    fi
    oci_fetched || {
        status=$?
        [ "$status" -ne 1 ] || oci_is_elsewhere "$1"
        return "$status"
    }
    if [ "$status" -eq 1 ] && slipway_was_too_big; then
        # Begun anew, with what room there is now.
        ! cache_make_room || return 3
        containers_no_room
    fi
    [ "$status" -eq 0 ] && : > "$at/ready"
    return "$status"
}

# Prints a blob of the registry. $1: its digest; $2: its size
containers_blob() {
    # A token does not live long.
    oci_log_in
    oci_blob "$@"
}

# Records that the images are too big.
containers_no_room() {
    if [ -n "$containers_kept" ]; then
        slipway_failed 'the images of the steps do not fit on the cache device' \
            'Use a larger one, or smaller images; volumes take room there too.'
    else
        slipway_failed "the images of the steps do not fit into memory ($(slipway_used size))" \
            'Give the machine more memory or cache: { device: … }, or use smaller images.'
    fi
}

# Unpacks a layer for an overlay. Standard input: the layer. $1: an empty directory, as above; $2: its digest. 5: the digest is wrong.
containers_unpack_layer() {
    local status='' found=''
    slipway_digested "$slipway_work/layer.digest" slipway_unpack "$1"
    status=$?
    read -r found _ < "$slipway_work/layer.digest"
    slipway_check_digest "${2#sha256:}" "$found" "layer $2 of $slipway_source" || return
    [ "$status" -eq 0 ] || return 1
    ! grep -q '\.wh\.' "$slipway_work/members" || oci_in_tree "$1" overlay-whiteouts ||
        slipway_failed "the whiteouts of layer $2 cannot be acted on: $(head -n 1 "$slipway_work/tree.err")" \
            'Give the machine more memory, or make the image anew.' || return 1
    # overlayfs does not look whether the top of a layer hides what is below.
    ! grep -qx '"\(\.\{0,1\}/\)*\.wh\.\.wh\.\.opq"' "$slipway_work/members" || : > "${1%/*}/opaque"
}

# Mounts a fresh root for a container. $1: the image's reference; $2: a directory for it, with rootfs in it then
containers_mount_image() {
    local lower='' layer='' at=''
    at=$containers_images/$(containers_image_key "$1")
    while read -r layer; do
        layer=$(containers_layer_id "$layer")
        [ ! -e "$containers_layers/$layer/opaque" ] || lower=''
        lower="$layer/t${lower:+:$lower}"
    done < "$at/layers"
    mkdir -p "$2/upper" "$2/work" "$2/rootfs"
    chmod 755 "$2/upper"
    (
        cd "$containers_layers" || exit 1
        slipway_mount "$2/rootfs" -t overlay -o "lowerdir=$lower,upperdir=$2/upper,workdir=$2/work" slipway
    ) 2> "$slipway_work/mount.err" ||
        slipway_failed "the layers of $1 cannot be mounted: $(head -n 1 "$slipway_work/mount.err")" \
            'Check that the initrd has the kernel module overlay; an image may have up to 200 layers.'
}
