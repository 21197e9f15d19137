#!/bin/sh
# What follows the pipeline.

# Does what the document says. Returns where the next document is to be waited for.
containers_end() {
    local action='' after=''
    action=${containers_ending:-$(containers_jq -r .end.action)}
    after=$(containers_jq -r .end.after)
    [ "$action" = wait ] || {
        volumes_expire
        volumes_close
        cache_close
    }
    sync
    slipway_await_reports
    [ "$after" -eq 0 ] || [ "$action" = wait ] || {
        slipway_say "$action in $after s"
        sleep "$after"
    }
    case $action in
        wait) ;;
        reboot) slipway_reboot ;;
        kexec) containers_kexec ;;
        shell)
            emergency_shell -n slipway 'The pipeline is over; leave this shell with "exit" to switch off.'
            containers_power_off
            ;;
        *) containers_power_off ;;
    esac
}

containers_power_off() {
    slipway_tell 'switching off'
    echo o > /proc/sysrq-trigger
    sleep 10
    poweroff -f
    sleep 3600
}

# Waits for the next document.
containers_next_document() {
    local digest='' status='' next="$containers_run/next.json"
    digest=$(sha256sum < "$containers_document" | cut -d ' ' -f 1)
    slipway_say 'waiting for the next job'
    while :; do
        status=$(containers_answer=$next && containers_curl --max-time 90 --max-filesize 2097152 "$containers_base/next?after=$digest")
        case $status in
            200) [ ! -s "$next" ] || break ;;
            204) ;;
            *) sleep 5 ;;
        esac
    done
    mv "$next" "$containers_document"
}
