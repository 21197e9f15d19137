#!/bin/sh
# Pulls an image straight from a registry (OCI distribution specification 1.1, "Pull"), its layers unpacked while they
# arrive. Log-in is anonymous, by the token that public registries want (distribution's token authentication).

# Unpacks an image into $slipway_root. $1: HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]
oci_pull() {
    oci_plain=''
    ! getargbool 0 bootc.registry.unsecure || oci_plain=1
    oci_parse_reference "$1" && slipway_repeat slipway_new_memory oci_pull_once
}

# Takes a reference apart, into $oci_base, $oci_name and $oci_wanted. With $oci_plain the registry has no TLS.
oci_parse_reference() {
    local host='' scheme=https
    # A name alone is one of docker.io.
    case $1 in
        */* | *[!A-Za-z0-9._:@-]* | '') ;;
        *) set -- "docker.io/$1" ;;
    esac
    host=${1%%/*}
    oci_name=${1#*/}
    oci_wanted=latest
    case $oci_name in
        *@*) oci_wanted=${oci_name#*@} oci_name=${oci_name%%@*} ;;
    esac
    # A tag is behind the last part: a registry that fetches from others has their ports in names.
    case ${oci_name##*/} in
        *:*)
            [ "$oci_wanted" != latest ] || oci_wanted=${oci_name##*:}
            oci_name=${oci_name%:*}
            ;;
    esac
    case $1/$oci_name/$oci_wanted in
        */*/ | */ | *[!A-Za-z0-9._:/@-]* | *//*)
            slipway_failed "docker://$1 names no image" 'Give docker://HOST/NAME:TAG or HOST/NAME@sha256:DIGEST.'
            return 1
            ;;
    esac
    case $host in
        docker.io | index.docker.io)
            # Its registry has another name than its images, and its own images a shorter one.
            host=registry-1.docker.io
            case $oci_name in
                */*) ;;
                *) oci_name=library/$oci_name ;;
            esac
            ;;
    esac
    [ -z "${oci_plain:-}" ] || scheme=http
    oci_base=$scheme://$host/v2/$oci_name
}

# One try, from the first document to the last layer. Fails as slipway_repeat wants it.
oci_pull_once() {
    oci_pull_documents && oci_pull_layers oci_pull_layer
}

# Pulls the layers of the image in $slipway_work, the lowest first. $1: what pulls one by its digest. Fails as that does.
oci_pull_layers() {
    oci_number=0
    while [ "$oci_number" -lt "$oci_count" ]; do
        oci_begin_layer pulling
        "$1" "$(oci_layer "$oci_number")" || return
    done
}

# Fetches the documents of an image: its manifest for this machine is in $slipway_work/manifest.json then, and its layers
# in $slipway_work/layers. Fails as slipway_repeat wants it.
oci_pull_documents() {
    local manifest="the manifest of $slipway_source"
    oci_log_in
    oci_get "manifests/$oci_wanted" "$slipway_store/top" || return
    oci_digest=sha256:$(sha256sum < "$slipway_store/top" | cut -d ' ' -f 1)
    case $oci_wanted in
        sha256:*) slipway_check_digest "${oci_wanted#sha256:}" "${oci_digest#sha256:}" "$manifest" || return 1 ;;
    esac
    slipway_check_digest "$slipway_sha256" "${oci_digest#sha256:}" "$manifest" || return 1
    mv "$slipway_store/top" "$slipway_store/${oci_digest#sha256:}"
    oci_depth=0
    while :; do
        oci_find_manifest
        case $? in
            0) break ;;
            2) oci_get "manifests/$oci_digest" "$slipway_store/${oci_digest#sha256:}" || return ;;
            *) return 1 ;;
        esac
    done
    oci_list_layers
}

# Fetches a layer and puts it onto the tree meanwhile. $1: its digest
oci_pull_layer() {
    local size='' status=''
    # A token does not live long.
    [ ! -s "$slipway_work/request" ] || oci_log_in
    size=$(oci_layer_size "$1") || return 1
    oci_put_layer "$slipway_root" "$1" oci_blob "$1" "$size"
    status=$?
    oci_fetched && return "$status"
    status=$?
    [ "$status" -ne 1 ] || oci_is_elsewhere "$1"
    return "$status"
}

# Prints the size of a layer, bytes. $1: its digest. Fails with the reason recorded.
oci_layer_size() {
    # shellcheck disable=SC2016 # jq's variable
    jq --arg digest "$1" 'first(.layers[] | select(.digest == $digest) | .size | floor)' \
        "$slipway_work/manifest.json" 2> /dev/null | grep -x '[0-9]\{1,15\}' ||
        slipway_failed "the image has a layer without a size: $1" 'Make the image anew.'
}

# Prints a blob. $1: its digest; $2: its size, as it may have no end
oci_blob() {
    slipway_bytes "$oci_base/blobs/$1" | head -c "$2"
}

# What became of a download, as slipway_fetched says.
oci_fetched() {
    local status=''
    slipway_fetched
    status=$?
    case $status:$(cat "$slipway_run/failure" 2> /dev/null) in
        0:*) echo 1 > "$slipway_work/try" ;;
        1:*' 401'* | 1:*' 403'*)
            echo 'The registry wants a log-in: offer the image without one, or as an archive.' > "$slipway_run/remedy"
            ;;
    esac
    return "$status"
}

# Fetches a document. $1: its path below the image's name; $2: file
oci_get() {
    slipway_bytes "$oci_base/$1" | head -c 8388608 > "$2"
    oci_fetched
}

# Puts the headers of requests into $slipway_work/request: what kinds of documents are understood, and a token if the
# registry wants one.
oci_log_in() {
    local challenge='' url='' service=''
    printf 'Accept: %s\n' application/vnd.oci.image.index.v1+json application/vnd.oci.image.manifest.v1+json \
        application/vnd.docker.distribution.manifest.list.v2+json application/vnd.docker.distribution.manifest.v2+json \
        > "$slipway_work/request"
    # The answer may have no end.
    slipway_transfer "$oci_base/manifests/$oci_wanted" 0 | head -c 8388608 > /dev/null
    challenge=$(slipway_header www-authenticate)
    case $challenge in
        [Bb]earer\ *) ;;
        *) return 0 ;;
    esac
    url=$(oci_parameter realm "$challenge")
    case $url in
        http://*\?* | https://*\?*) url="$url&" ;;
        http://* | https://*) url="$url?" ;;
        *) return 0 ;;
    esac
    service=$(oci_parameter service "$challenge")
    mv "$slipway_work/request" "$slipway_work/accept"
    slipway_transfer "${url}service=$service&scope=repository:$oci_name:pull" 0 | head -c 1048576 |
        jq -r '.token // .access_token // empty' 2> /dev/null |
        tr -dc 'A-Za-z0-9._~+/=\n-' > "$slipway_work/token"
    mv "$slipway_work/accept" "$slipway_work/request"
    [ ! -s "$slipway_work/token" ] ||
        printf 'Authorization: Bearer %s\n' "$(cat "$slipway_work/token")" >> "$slipway_work/request"
}

# A parameter of a registry's challenge, safe in a URL. $1: its name; $2: the challenge
oci_parameter() {
    printf '%s\n' "$2" | sed -n "s/.*$1=\"\([^\"]*\)\".*/\1/p" | sed 's/ /%20/g'
}
