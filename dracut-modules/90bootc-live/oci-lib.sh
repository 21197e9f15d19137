#!/bin/sh
# Reads an OCI image layout inside a tar archive (OCI image specification 1.1: image-layout.md, manifest.md, layer.md).
# $oci_archive is the archive's path; $oci_label is what bootclabel= says, empty for none.

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

# Prints a member of the archive. $1: its name below the layout.
oci_member() {
    tar -x -O -f "$oci_archive" "$oci_prefix$1"
}

# Finds out whether members are called `index.json` or `./index.json`, into $oci_prefix.
oci_open() {
    for oci_prefix in '' ./; do
        oci_member index.json > "$slipway_work/index.json" 2> "$slipway_work/tar.err" && [ -s "$slipway_work/index.json" ] &&
            return 0
    done
    slipway_failed "${slipway_source:-$oci_archive} is no OCI archive: $(head -n 1 "$slipway_work/tar.err")" \
        'Make it with "skopeo copy ... oci-archive:root.oci:latest" or "podman save --format oci-archive".'
}

# Whether $1 is a digest that this code can check: nothing else may become part of a path.
oci_is_digest() {
    case $1 in
        sha256:*) slipway_is_digest "${1#sha256:}" ;;
        *) return 1 ;;
    esac
}

# Fetches a small blob (an index or a manifest) into a file and checks its digest. $1: digest; $2: file.
oci_small_blob() {
    oci_is_digest "$1" ||
        slipway_failed "the archive names a blob by '$1', which is no SHA-256 digest" 'Make the archive anew.' || return 1
    oci_member "blobs/sha256/${1#sha256:}" 2> /dev/null | head -c 8388608 > "$2"
    [ -s "$2" ] || slipway_failed "the archive lacks blob $1" 'It is cut short or was made wrongly: make it anew.' || return 1
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

# Finds the image's manifest and puts it into $slipway_work/manifest.json, through an index of platforms if there is one.
oci_find_manifest() {
    oci_digest=$(oci_choose "$slipway_work/index.json" 2> "$slipway_work/jq.err") ||
        slipway_failed "index.json of the archive cannot be read: $(head -n 1 "$slipway_work/jq.err")" 'Make the archive anew.' ||
        return 1
    [ -n "$oci_digest" ] ||
        slipway_failed "the archive has no image labelled ${oci_label:-latest}; its labels: $(oci_labels "$slipway_work/index.json")" \
            'Name one of them with bootclabel= (label: in the configuration).' || return 1
    for _ in 1 2 3; do
        oci_small_blob "$oci_digest" "$slipway_work/manifest.json" || return 1
        jq -e '.manifests' "$slipway_work/manifest.json" > /dev/null 2>&1 || return 0
        oci_digest=$(jq -r --arg architecture "$(oci_architecture)" '
            [.manifests[] | select(.platform.os == "linux" and .platform.architecture == $architecture)][0].digest // empty' \
            "$slipway_work/manifest.json")
        [ -n "$oci_digest" ] ||
            slipway_failed "the image is not for this machine ($(oci_architecture))" 'Build it for this architecture.' || return 1
    done
    slipway_failed 'the archive nests its indexes too deeply' 'Make the archive anew.'
}

# Unpacks the image. $1: an empty directory.
oci_unpack_image() {
    oci_open && oci_find_manifest || return 1
    jq -r '.layers[] | [.digest, .mediaType // ""] | @tsv' "$slipway_work/manifest.json" \
        > "$slipway_work/layers" 2> "$slipway_work/jq.err" ||
        slipway_failed "the image's manifest cannot be read: $(head -n 1 "$slipway_work/jq.err")" 'Make the archive anew.' ||
        return 1
    oci_count=$(wc -l < "$slipway_work/layers")
    [ "$oci_count" -gt 0 ] || slipway_failed 'the image has no layers' 'Make the archive anew.' || return 1
    oci_number=0
    while IFS='	' read -r oci_digest oci_type; do
        oci_number=$((oci_number + 1))
        slipway_say "unpacking layer $oci_number of $oci_count"
        oci_is_digest "$oci_digest" ||
            slipway_failed "the image names a layer by '$oci_digest', which is no SHA-256 digest" 'Make the archive anew.' || return 1
        case $oci_type in
            *tar*) ;;
            *) slipway_failed "a layer is of an unknown type, '$oci_type'" 'Build a container image, not another artifact.' || return 1 ;;
        esac
        oci_unpack_layer "$1" "$oci_digest" || return 1
    done < "$slipway_work/layers"
}

# Puts a layer onto what the layers below it left. $1: the tree; $2: the layer's digest.
oci_unpack_layer() {
    if ! oci_stream_layer "$1" "$2"; then
        # tar does not put a file where a directory with content stands; then once more, with those out of the way.
        oci_clear_directories "$1" && rm -f "$slipway_run/failure" && oci_stream_layer "$1" "$2" || return 1
    fi
    oci_apply_whiteouts "$1"
}

# Unpacks a layer out of the archive and checks its digest. $1: the tree; $2: the layer's digest.
oci_stream_layer() {
    slipway_growth "$1" > /dev/null &
    slipway_watch=$!
    oci_member "blobs/sha256/${2#sha256:}" 2> /dev/null < /dev/null | slipway_unpack "$1"
    oci_status=$?
    kill "$slipway_watch" 2> /dev/null
    wait "$slipway_watch" 2> /dev/null
    oci_found=$(cut -d ' ' -f 1 < "$slipway_work/digest")
    [ "$oci_found" != e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 ] ||
        slipway_failed "the archive lacks layer $2" 'It is cut short or was made wrongly: make it anew.' || return 1
    # The digest first: where it is wrong, whatever tar complained of is only the consequence.
    slipway_check_digest "${2#sha256:}" "$oci_found" "layer $2 of $slipway_source" || return 1
    return "$oci_status"
}

# Removes the directories that stand where the layer just read has something else. Fails where there are none.
oci_clear_directories() {
    oci_cleared=1
    while IFS= read -r oci_name; do
        oci_name=${oci_name#\"}
        oci_name=$(oci_unquote "${oci_name%\"}")
        oci_name=$1/${oci_name%x}
        if [ -d "$oci_name" ] && [ ! -L "$oci_name" ]; then
            rm -rf -- "$oci_name"
            oci_cleared=0
        fi
    done << NAMES
$(grep -v '/"$' "$slipway_work/members")
NAMES
    return "$oci_cleared"
}

# ---- Whiteouts ----
# A layer hides what lies below it with `.wh.NAME`, and a whole directory's content with `.wh..wh..opq`; its own
# entries stay, in whatever order they came. tar has unpacked the markers like any file; they are acted on afterwards,
# with the list of the layer's own names. Names stay quoted as tar and ls quote them, one on a line, so that none can
# be mistaken, with line breaks neither.

# A tab: never part of a quoted name, so it can mark where one begins and ends.
oci_tab='	'

# The layer's names, each between tabs, without decoration: no quotes, no leading ./ or /, no trailing /.
oci_normalize() {
    sed -e 's#^"##' -e 's#"$##' -e 's#//*#/#g' -e ':more' -e 's#^\.*/##' -e 't more' -e 's#/$##' \
        -e "s#.*#$oci_tab&$oci_tab#" "$slipway_work/members" > "$slipway_work/names"
}

# What a quoted name, without its quotes, stands for; followed by an x, as the shell would drop line breaks at its end.
oci_unquote() {
    case $1 in
        *[\\%]*) ;;
        *)
            printf '%sx' "$1"
            return
            ;;
    esac
    # shellcheck disable=SC2059
    printf -- "$(printf '%s' "$1" | sed -e 's/%/%%/g' -e 's/\\"/\\042/g')x"
}

# Acts on all markers of the layer just unpacked. $1: the tree.
oci_apply_whiteouts() {
    oci_normalize
    grep -e "$oci_tab\.wh\." -e '/\.wh\.' "$slipway_work/names" > "$slipway_work/markers" || return 0
    while IFS= read -r oci_marker; do
        oci_marker=${oci_marker#"$oci_tab"}
        oci_marker=${oci_marker%"$oci_tab"}
        oci_name=${oci_marker##*/}
        case $oci_marker in
            */*) oci_parent=${oci_marker%/*} ;;
            *) oci_parent='' ;;
        esac
        # A name that only contains the mark, below a directory that does: neither is a marker.
        case $oci_name in
            .wh.*) oci_whiteout "$1" "$oci_parent" "${oci_name#.wh.}" ;;
        esac
    done < "$slipway_work/markers"
}

# Acts on one marker. $1: the tree; $2: the directory, quoted; $3: what follows .wh. in its name, quoted.
# In a subshell in that directory, its links resolved: a link that leads out of the tree is not followed.
oci_whiteout() (
    tree=$(cd -P "$1" && pwd) || exit 0
    directory=$(oci_unquote "$2")
    cd -P "$tree/${directory%x}" 2> /dev/null || exit 0
    case $(pwd)/ in
        "$tree"/*) ;;
        *) exit 0 ;;
    esac
    # The marker was never part of the image, so the directory keeps the time that the image gave it.
    time=$(stat -c %y .)
    marker=$(oci_unquote ".wh.$3")
    rm -rf -- "./${marker%x}"
    case $3 in
        .wh..opq) oci_prune_children "$2" ;;
        .wh.*) ;;
        '' | . | ..) ;;
        *) oci_prune "${2:+$2/}$3" "$3" ;;
    esac
    touch -d "$time" .
)

# Whether the layer itself has a name, or something below it. $1: the name, quoted.
oci_in_layer() {
    grep -q -F -e "$oci_tab$1$oci_tab" -e "$oci_tab$1/" "$slipway_work/names"
}

# Removes what the layer does not have. $1: the name, quoted; $2: its last part, quoted, in the current directory.
oci_prune() (
    name=$(oci_unquote "$2")
    name=./${name%x}
    if ! oci_in_layer "$1"; then
        rm -rf -- "$name"
    elif [ -d "$name" ] && [ ! -L "$name" ]; then
        cd -P "$name" || exit 0
        time=$(stat -c %y .)
        oci_prune_children "$1"
        touch -d "$time" .
    fi
)

# Does so for all that is in the current directory. $1: its name, quoted.
oci_prune_children() {
    # shellcheck disable=SC2012
    LC_ALL=C ls -1 -A --quoting-style=c | while read -r child; do
        child=${child#\"}
        oci_prune "${1:+$1/}${child%\"}" "${child%\"}"
    done
}
