#!/bin/sh
# Pulls an image straight from a registry (OCI distribution specification 1.1, "Pull"), its layers unpacked while they
# arrive. Log-in is anonymous, by the token that public registries want (distribution's token authentication).

# Unpacks an image into $slipway_root. $1: HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]
oci_pull() {
    oci_parse_reference "$1" || return 1
    oci_tries=0
    while :; do
        oci_pull_once && return 0
        # 4: it must be begun anew, for a byte may have flipped, or because of how its layers are.
        [ $? -eq 4 ] && [ "$oci_tries" -lt 3 ] || return 1
        oci_tries=$((oci_tries + 1))
    done
}

# Takes a reference apart, into $oci_base and $oci_wanted.
oci_parse_reference() {
    # A name alone is one of docker.io.
    case $1 in
        */* | *[!A-Za-z0-9._:@-]* | '') ;;
        *) set -- "docker.io/$1" ;;
    esac
    oci_host=${1%%/*}
    oci_name=${1#*/}
    oci_wanted=latest
    case $oci_name in
        *@*) oci_wanted=${oci_name#*@} oci_name=${oci_name%%@*} oci_name=${oci_name%%:*} ;;
        *:*) oci_wanted=${oci_name#*:} oci_name=${oci_name%%:*} ;;
    esac
    case $1/$oci_name/$oci_wanted in
        */*/ | */ | *[!A-Za-z0-9._:/@-]* | *//*)
            slipway_failed "docker://$1 names no image" 'Give docker://HOST/NAME:TAG or docker://HOST/NAME@sha256:DIGEST.'
            return 1
            ;;
    esac
    case $oci_host in
        docker.io | index.docker.io)
            # Its registry has another name than its images, and its own images a shorter one.
            oci_host=registry-1.docker.io
            case $oci_name in
                */*) ;;
                *) oci_name=library/$oci_name ;;
            esac
            ;;
    esac
    oci_scheme=https
    ! getargbool 0 bootc.registry.unsecure || oci_scheme=http
    oci_base=$oci_scheme://$oci_host/v2/$oci_name
}

# One try, from the first document to the last layer. 4: begin anew.
oci_pull_once() {
    slipway_new_memory || return 1
    oci_log_in
    oci_get "manifests/$oci_wanted" "$slipway_store/top" || return
    oci_digest=sha256:$(sha256sum < "$slipway_store/top" | cut -d ' ' -f 1)
    case $oci_wanted in
        sha256:*) slipway_check_digest "${oci_wanted#sha256:}" "${oci_digest#sha256:}" "the manifest of $slipway_source" || return 1 ;;
    esac
    slipway_check_digest "$slipway_sha256" "${oci_digest#sha256:}" "the manifest of $slipway_source" || return 1
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
    oci_list_layers || return 1
    oci_number=0
    while [ "$oci_number" -lt "$oci_count" ]; do
        oci_number=$((oci_number + 1))
        oci_pull_layer "$(sed -n "${oci_number}p" "$slipway_work/layers")" || return
    done
}

# Fetches a layer and unpacks it meanwhile, with the outcome in $oci_status. $1: its digest. Fails as oci_fetched does.
oci_fetch_layer() {
    echo 1 > "$slipway_work/try"
    oci_size=$(jq --arg digest "$1" 'first(.layers[] | select(.digest == $digest) | .size | floor)' \
        "$slipway_work/manifest.json" 2> /dev/null | grep -x '[0-9]\{1,15\}') ||
        slipway_failed "the image has a layer without a size: $1" 'Make the image anew.' || return 1
    # No more than that: it may have no end.
    slipway_bytes "$oci_base/blobs/$1" | head -c "$oci_size" | oci_unpack_layer "$slipway_root" "$1"
    oci_status=$?
    oci_fetched
    oci_outcome=$?
    [ "$oci_outcome" -ne 1 ] || ! oci_is_elsewhere "$1" || return 1
    return "$oci_outcome"
}

# Puts one layer onto the tree. $1: its digest
oci_pull_layer() {
    slipway_say "pulling layer $oci_number of $oci_count"
    # A token does not live long.
    [ ! -s "$slipway_work/request" ] || oci_log_in
    oci_fetch_layer "$1" || return
    case $oci_status in
        0) ;;
        4)
            # What was in its way is gone: the same layer once more.
            oci_fetch_layer "$1" || return
            [ "$oci_status" -eq 0 ] || return 1
            ;;
        *)
            slipway_say "$(cat "$slipway_run/failure")"
            [ "$oci_tries" -gt 0 ] || [ "$(slipway_digest "$slipway_work/layer.digest")" = "${1#sha256:}" ] || return 4
            return 1
            ;;
    esac
}

# What became of a download. 4: begin anew; 1: failed, with the reason recorded.
oci_fetched() {
    case $(cat "$slipway_work/fetch.status") in
        0) return 0 ;;
        3) return 4 ;;
    esac
    cp "$slipway_work"/fetch/* "$slipway_run/"
    case $(cat "$slipway_run/failure") in
        *' 401'* | *' 403'*) echo 'The registry wants a log-in: offer the image without one, or as an archive.' > "$slipway_run/remedy" ;;
    esac
    return 1
}

# Fetches a document. $1: its path below the image's name; $2: file
oci_get() {
    echo 1 > "$slipway_work/try"
    slipway_bytes "$oci_base/$1" | head -c 8388608 > "$2"
    oci_fetched
}

# Puts the headers of requests into $slipway_work/request: what kinds of documents are understood, and a token if the
# registry wants one.
oci_log_in() {
    printf 'Accept: %s\n' application/vnd.oci.image.index.v1+json application/vnd.oci.image.manifest.v1+json \
        application/vnd.docker.distribution.manifest.list.v2+json application/vnd.docker.distribution.manifest.v2+json \
        > "$slipway_work/request"
    # The answer may have no end.
    slipway_transfer "$oci_base/manifests/$oci_wanted" 0 | head -c 8388608 > /dev/null
    oci_challenge=$(slipway_header www-authenticate)
    case $oci_challenge in
        [Bb]earer\ *) ;;
        *) return 0 ;;
    esac
    oci_url=$(oci_parameter realm)
    case $oci_url in
        http://*\?* | https://*\?*) oci_url="$oci_url&" ;;
        http://* | https://*) oci_url="$oci_url?" ;;
        *) return 0 ;;
    esac
    mv "$slipway_work/request" "$slipway_work/accept"
    slipway_transfer "${oci_url}service=$(oci_parameter service)&scope=repository:$oci_name:pull" 0 |
        head -c 1048576 | jq -r '.token // .access_token // empty' 2> /dev/null | tr -dc 'A-Za-z0-9._~+/=\n-' > "$slipway_work/token"
    mv "$slipway_work/accept" "$slipway_work/request"
    [ ! -s "$slipway_work/token" ] || printf 'Authorization: Bearer %s\n' "$(cat "$slipway_work/token")" >> "$slipway_work/request"
}

# A parameter of the registry's challenge, safe in a URL. $1: its name
oci_parameter() {
    printf '%s\n' "$oci_challenge" | sed -n "s/.*$1=\"\([^\"]*\)\".*/\1/p" | sed 's/ /%20/g'
}
