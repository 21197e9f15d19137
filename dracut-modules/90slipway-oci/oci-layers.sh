#!/bin/sh
# Puts the layers of an image onto each other (OCI image specification 1.1, layer.md).

# Puts a layer onto what the layers below it left. Standard input: the layer, compressed or not, to its end.
# $1: the tree; $2: the layer's digest. 4: it must be read a second time (see oci_clear_directories).
oci_unpack_layer() {
    slipway_growth &
    slipway_watch=$!
    slipway_digested "$slipway_work/layer.digest" slipway_unpack "$1"
    oci_status=$?
    kill "$slipway_watch" 2> /dev/null
    oci_found=$(slipway_digest "$slipway_work/layer.digest")
    [ "$oci_found" != e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 ] ||
        slipway_failed "the archive lacks layer $2" 'It is cut short or was made wrongly: make it anew.' || return 1
    # The digest first: where it is wrong, whatever tar complained of is only the consequence.
    slipway_check_digest "${2#sha256:}" "$oci_found" "layer $2 of $slipway_source" || return 1
    if [ "$oci_status" -ne 0 ]; then
        slipway_was_too_big || ! oci_clear_directories "$1" || return 4
        return 1
    fi
    oci_apply_whiteouts "$1"
}

# tar does not put a file where a directory with content stands. Removes those that are in the way of the layer just
# read; fails where there are none, so that it was something else that tar complained of.
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
