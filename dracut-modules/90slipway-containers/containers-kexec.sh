#!/bin/sh
# At the end of the pipeline, another image of the configuration starts, without firmware and iPXE. The server says what
# that is (KexecDocument of src/model/containers/document.ts); from then on it is a boot of its own there.

kexec_document=$containers_run/kexec.json

# Starts the image. Does not return: where that fails, the machine restarts.
containers_kexec() {
    local stage=pipeline
    slipway_await_reports
    kexec_report=$(slipway_report_url)
    rm -f "$slipway_run/failure"
    kexec_start
    [ -s "$slipway_run/failure" ] ||
        slipway_failed 'the next image could not be started; nothing gave a reason' 'See what the initrd logged.'
    [ ! -s "$kexec_document" ] || stage=kernel
    # Of the boot that was begun, if one was.
    slipway_report_url() { [ -n "$kexec_report" ] && printf '%s\n' "$kexec_report"; }
    slipway_report "$stage" failed "$(cat "$slipway_run/failure"). $(cat "$slipway_run/remedy")"
    slipway_tell_failure
    slipway_tell 'Next:         restart in 60 s'
    slipway_await_reports
    sleep 60
    slipway_reboot
}

# Loads the image and starts it. Returns only if that fails, with the reason recorded.
kexec_start() {
    local image='' line='' number=0 count='' what='' remedy=''
    image=$(containers_jq -r .end.image)
    what="the kernel of $image"
    remedy="See whether $image boots by firmware (end: { action: reboot }). If it does, give the machine more memory."
    rm -f "$kexec_document"
    command -v kexec > /dev/null ||
        slipway_failed 'this initrd has no program kexec' \
            'Install kexec-tools where the initrd is made, and make it again.' || return 1
    kexec_ask || return 1
    kexec_report=$(jq -r .report "$kexec_document")
    # The server sees what is fetched; a report on it would be one of the boot that is over.
    slipway_report_url() { return 1; }
    # The images of the pipeline go, which gives the memory for this.
    slipway_new_memory || return 1
    kexec_fetch .kernel "$slipway_store/kernel" || return 1
    : > "$slipway_store/next.img"
    count=$(jq '.initrds | length' "$kexec_document")
    while [ "$number" -lt "$count" ]; do
        kexec_add ".initrds[$number]" || return 1
        number=$((number + 1))
    done
    line=$(jq -r .line "$kexec_document")
    slipway_tell "starting $image: $(printf '%s\n' "$line" | slipway_mask)"
    slipway_kexec_load "$slipway_store/kernel" "$slipway_store/next.img" "$line" "$what" "$remedy" || return 1
    slipway_kexec_start "$what" "$remedy"
}

# Has the server say what the image boots. Fails with the reason recorded.
kexec_ask() {
    local answer="$slipway_work/kexec.answer" status='' why=''
    echo 1 > "$slipway_work/try"
    while :; do
        : > "$answer"
        status=$(containers_answer=$answer && containers_curl --data '' --max-filesize 1048576 "$containers_base/kexec")
        why="$(head -n 1 "$answer" | head -c 300 | LC_ALL=C tr -c ' -~\n' '?') (HTTP status $status)"
        case $status in
            200) mv "$answer" "$kexec_document" && return 0 ;;
            # Too many machines at a time.
            429) ;;
            4*)
                slipway_failed "the server does not say what comes next: $why" \
                    'Correct "end:" of the containers, or the image that it names; the log of the server says more.'
                return 1
                ;;
        esac
        slipway_try_again 'the server does not say what comes next' "$why" 'Look at the log of the server.' || return 1
    done
}

# Fetches a file. $1: which, as jq has it; $2: where it goes. Fails with the reason recorded.
kexec_fetch() {
    slipway_source=$(jq -r "$1.url" "$kexec_document")
    slipway_say "fetching $slipway_source"
    slipway_receive : "$slipway_source" "$(jq -r "$1.sha256 // empty" "$kexec_document")" slipway_keep "$2"
}

# Adds an initrd to those before it, each on a multiple of four bytes: as it is, or as a file of the next initramfs.
# $1: which, as jq has it
kexec_add() {
    local part="$slipway_store/part" next="$slipway_store/next.img" path='' size=''
    kexec_fetch "$1" "$part" || return 1
    path=$(jq -r "$1.path // empty" "$kexec_document")
    size=$(stat -c %s "$part")
    [ -z "$path" ] || [ "$size" -lt 4294967296 ] ||
        slipway_failed "$slipway_source is too big for a cpio archive (4 GiB)" \
            'Choose another delivery of the root.' || return 1
    {
        [ -z "$path" ] || slipway_cpio "${path#/}" 33188 "$size"
        cat "$part"
        slipway_cpio_pad "$size"
        [ -z "$path" ] || slipway_cpio TRAILER!!! 0 0
    } >> "$next" 2> "$slipway_work/kexec.err" || slipway_no_room || return 1
    rm -f "$part"
}
