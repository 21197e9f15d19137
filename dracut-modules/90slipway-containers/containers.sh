#!/bin/sh
# No root file system: a pipeline of containers runs straight from the initrd, as a document of the server says
# (src/model/containers/document.ts). Its address has the token of this boot.

containers_run=$slipway_run/containers
containers_document=$containers_run/document.json

# Takes the boot on if the kernel line has slipway.containers=.
slipway_claim() {
    containers_base=$(getarg slipway.containers=)
    case $containers_base in
        http://?*/containers/?*/?* | https://?*/containers/?*/?*) ;;
        *) return 1 ;;
    esac
    # Without the token, for messages.
    slipway_source=${containers_base%/*}
    slipway_method=slipway-containers
    slipway_wants='the list of containers' slipway_lacks='This machine cannot run its containers.'
    slipway_mounts=''
}

# Runs the pipeline, and then what the document says of the end. Returns only where it fails before the first step, with
# the reason recorded, so that all is tried again.
slipway_make_root() {
    slipway_load oci-lib oci-layers oci-registry containers-images containers-bundle containers-network containers-run \
        containers-log containers-clock containers-device containers-cache containers-volumes containers-mirror containers-end \
        containers-kexec kexec-lib
    # The initrd has a limit of its own on what is fetched; there is no archive here.
    mkdir -p "$containers_run"
    slipway_receive : "$containers_base" "$slipway_sha256" containers_keep_document || return 1
    # It was that of the document, and is not that of images.
    slipway_sha256=''
    while :; do
        containers_read_document && containers_run_document || return 1
        containers_next_document
    done
}

# Keeps the document. Standard input: its bytes
containers_keep_document() {
    head -c 2097152 > "$containers_document"
}

# Prints what a jq program finds in the document. $@: jq's arguments
containers_jq() {
    jq "$@" "$containers_document"
}

# Reads what is needed of the document before all else. Fails with the reason recorded.
containers_read_document() {
    [ "$(containers_jq -r .version 2> "$slipway_work/jq.err")" = 1 ] ||
        slipway_failed "the document of $slipway_source is of a kind that this initrd does not know" \
            'Make the initrd again with the dracut modules of the server that is in use.' || return 1
    containers_node=$(containers_jq -r .node)
    containers_steps=$(containers_jq '.steps | length')
    rm -f "$containers_run/cancelled"
}

# One run of the document, from its images to its end. Fails with the reason recorded where nothing could be run.
containers_run_document() {
    containers_set_clock || return 1
    if ! { cache_open && volumes_expire && containers_pull_images; }; then
        cache_close
        return 1
    fi
    slipway_report root 'done' "the images of $containers_steps steps are there"
    containers_run_pipeline
    containers_end
}
