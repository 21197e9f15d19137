#!/bin/sh
# The documents of an OCI image (OCI image specification 1.1: descriptor.md, image-index.md, manifest.md). Blobs are
# files in $slipway_store, called by the hex digits of their digest. $oci_label is bootclabel=, empty for none.

# This machine's architecture by its name in the image specification, and the variants of it that the machine runs, the
# best first, with commas; after them comes none.
oci_platform() {
    case $(uname -m) in
        x86_64) echo amd64 ;;
        aarch64) echo arm64 v8 ;;
        armv8*) echo arm v8,v7,v6,v5 ;;
        armv7*) echo arm v7,v6,v5 ;;
        armv6*) echo arm v6,v5 ;;
        armv5*) echo arm v5 ;;
        arm*) echo arm ;;
        i?86) echo 386 ;;
        loongarch64) echo loong64 ;;
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

# Runs jq with the rules by which an image is chosen; src/images/oci/choose-image.ts has the same,
# which are skopeo's.
# labelled: of an index's images those that are meant by $oci_label. First the label itself; then whole references that
# end in it, as podman writes; and where no label was asked for, or the usual one, all, if they are one image.
# fitting: the digest of the best of them for this machine. An image without a platform comes last.
# shellcheck disable=SC2016
oci_rules='
    def printable: tostring | .[:200] | explode | map(if . < 32 or . > 126 then 63 else . end) | implode;
    def name: .annotations["org.opencontainers.image.ref.name"] // "";
    def images: [.manifests[] | select(.platform.os != "unknown")];
    def same: (map(name) | unique | length) == 1;
    def labelled: images as $all
        | [$all[] | select(name == $wanted)] as $exact
        | [$all[] | select(name | endswith(":" + $wanted))] as $references
        | if ($exact | length) > 0 then $exact
          elif ($references | same) then $references
          elif $wanted == "latest" and ($all | same) and (($all | length) == 1 or all($all[]; .platform)) then $all
          else [] end;
    def fitting: (($variants | split(",")) + [""]) as $order
        | map({digest, rank: (if .platform == null then $order | length
            elif .platform.os == "linux" and .platform.architecture == $architecture
            then (.platform.variant // "") as $variant | $order | index($variant)
            else null end)})
        | map(select(.rank != null)) | sort_by(.rank) | .[0].digest // empty | printable;
    def platforms: map(.platform | values | [.os, .architecture, .variant | strings] | join("/")) | unique
        | if . == [] then "nothing" else join(", ") end | printable;'

# $1: what to print; $2: the index
oci_jq() {
    # shellcheck disable=SC2046 # two words
    set -- "$1" "$2" $(oci_platform)
    jq -j --arg wanted "${oci_label:-latest}" --arg architecture "$3" --arg variants "${4-}" "$oci_rules $1" "$2" \
        2> "$slipway_work/jq.err"
}

# Records that jq could not read a document, and fails. $1: the document
oci_unreadable() {
    slipway_failed "$1 cannot be read: $(head -n 1 "$slipway_work/jq.err")" 'Make the image anew.'
}

# Chooses the image of an index, in $slipway_work/index.json, into $oci_digest.
oci_choose_image() {
    local labels=''
    oci_depth=0
    labels=$(oci_jq 'if labelled == [] then [.manifests[] | name | if . == "" then "(none)" else . end] | join(", ")
        | if . == "" then "none" else printable end else empty end' "$slipway_work/index.json") ||
        oci_unreadable 'index.json of the archive' || return 1
    [ -z "$labels" ] ||
        slipway_failed "the archive has no image labelled ${oci_label:-latest}; its labels: $labels" \
            'Name one of them with bootclabel= (label: in the configuration).' || return 1
    oci_choose_platform labelled "$slipway_work/index.json"
}

# Chooses the image for this machine into $oci_digest. $1: which images of an index; $2: the index
oci_choose_platform() {
    oci_digest=$(oci_jq "$1 | fitting" "$2") ||
        oci_unreadable 'an index of the image' || return 1
    [ -n "$oci_digest" ] ||
        slipway_failed "the image is not for this machine (linux/$(oci_platform | cut -d ' ' -f 1)), but for \
$(oci_jq "$1 | platforms" "$2")" 'Build it for this architecture.'
}

# Finds the manifest of this machine's image in $slipway_work/manifest.json, from the blob $oci_digest on, which may be
# an index of platforms, $oci_depth below the first. 2: the blob $oci_digest is not there.
oci_find_manifest() {
    while :; do
        oci_document "$oci_digest" "$slipway_work/manifest.json" || return
        jq -e '.manifests' "$slipway_work/manifest.json" > /dev/null 2>&1 || return 0
        oci_depth=$((oci_depth + 1))
        [ "$oci_depth" -le 3 ] ||
            slipway_failed 'the image nests its indexes too deeply' 'Make the image anew.' || return 1
        oci_choose_platform images "$slipway_work/manifest.json" || return 1
    done
}

# Lists the layers of the manifest in $slipway_work/layers, the lowest first; their number goes to $oci_count.
oci_list_layers() {
    local digest='' type=''
    oci_jq '.layers[] | [.digest, .mediaType // ""] | map(printable) | @tsv + "\n"' "$slipway_work/manifest.json" \
        > "$slipway_work/descriptors" ||
        oci_unreadable "the image's manifest" || return 1
    : > "$slipway_work/layers"
    while IFS='	' read -r digest type; do
        oci_is_digest "$digest" ||
            slipway_failed "the image names a layer by '$digest', which is no SHA-256 digest" 'Make the image anew.' ||
            return 1
        case $type in
            *tar*) ;;
            *)
                slipway_failed "a layer is of an unknown type, '$type'" 'Build a container image, not another artifact.'
                return 1
                ;;
        esac
        printf '%s\n' "$digest" >> "$slipway_work/layers"
    done < "$slipway_work/descriptors"
    oci_count=$(wc -l < "$slipway_work/layers")
    [ "$oci_count" -gt 0 ] || slipway_failed 'the image has no layers' 'Make the image anew.'
}
