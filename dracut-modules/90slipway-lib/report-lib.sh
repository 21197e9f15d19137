#!/bin/sh
# Reports of the boot to the server that slipway.report= names, with curl. One background process sends them one after
# the other, so that they arrive in their order; nothing ever waits for it, and nothing fails with it.
#
# A report is a directory with a file for each field. Its name is added to $slipway_reports/queue when it is complete,
# and it is removed when it was sent, or could not be.

slipway_reports=${slipway_run:?}/reports

# Reports a step, and keeps its stage in $slipway_reports/stage. $1: the stage; $2: begun, progress, done or failed; $3:
# one sentence; then further fields as NAME=TEXT.
# The server's side, with all stages and fields, is src/http/routes/report.ts.
slipway_report() {
    local url='' uptime='' pid='' report='' field='' proxy=''
    url=$(slipway_report_url) || return 0
    read -r uptime _ < /proc/uptime
    # This process, which may be a subshell: $$ would be the main one's.
    read -r pid _ < /proc/self/stat
    report=$pid-$uptime
    mkdir -p "$slipway_reports" 2> /dev/null
    until mkdir "$slipway_reports/$report" 2> /dev/null; do
        # No room, or one of the same moment.
        [ ${#report} -lt 40 ] || return 0
        report=${report}0
    done
    printf '%s\n' "$1" > "$slipway_reports/stage"
    printf '%s' "$1" > "$slipway_reports/$report/stage"
    printf '%s' "$2" > "$slipway_reports/$report/happening"
    printf '%s' "$3" > "$slipway_reports/$report/message"
    shift 3
    for field in "uptime=$uptime" "$@"; do
        printf '%s' "${field#*=}" > "$slipway_reports/$report/${field%%=*}"
    done
    printf '%s\n' "$report" >> "$slipway_reports/queue"
    set --
    proxy=$(getarg proxy=)
    [ -z "$proxy" ] || set -- --proxy "$proxy"
    ! getargbool 0 rd.noverifyssl || set -- "$@" --insecure
    # By two processes, so that no shell has the sender as its child, and as a program of its own: a subshell would hold
    # open what this shell has put aside for redirections, such as the end of a pipe that somebody reads.
    # shellcheck disable=SC2016 # for the other shell
    (
        slipway_run=$slipway_run sh -c '. "$0"; slipway_send_reports "$@"' "$slipway_parts/report-lib.sh" "$url" "$@" \
            < /dev/null > /dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    )
    :
} 2> /dev/null

# The URL that reports go to. Fails where there is none.
slipway_report_url() {
    local url=''
    url=$(getarg slipway.report=) || return 1
    case $url in
        # It gets into a unit of systemd too, where % and $ mean something.
        *[!A-Za-z0-9:/.\[\]_-]*) return 1 ;;
        http://?*/report/?* | https://?*/report/?*) printf '%s\n' "$url" ;;
        *) return 1 ;;
    esac
}

# The oldest report that was not sent yet. Fails where there is none.
slipway_next_report() {
    local report=''
    while read -r report; do
        [ -d "$slipway_reports/$report" ] || continue
        printf '%s\n' "$report"
        return 0
    done < "$slipway_reports/queue"
    return 1
} 2> /dev/null

# Sends all reports, unless another process is at it. $1: the URL; then options for curl
slipway_send_reports() {
    local report='' url="$1"
    shift
    # Who finds the lock taken may rely on this: what was queued before the lock goes is seen by another look after it.
    while slipway_next_report > /dev/null && mkdir "$slipway_reports/lock"; do
        while report=$(slipway_next_report); do
            slipway_send_report "$url" "$slipway_reports/$report" "$@"
            # Else it would be sent for ever.
            rm -rf "${slipway_reports:?}/$report" || return 1
        done
        rmdir "$slipway_reports/lock"
    done
}

# Sends a report. $1: the URL; $2: the directory; then options for curl
slipway_send_report() {
    local url="$1" report="$2" field=''
    shift 2
    slipway_mask < "$report/message" | head -c 1000 > "$report/text" && mv "$report/text" "$report/message"
    # The server takes 16 KiB, and an encoded byte may be three.
    [ ! -e "$report/log" ] || {
        slipway_mask < "$report/log" | tail -c 4000 > "$report/text" && mv "$report/text" "$report/log"
    }
    for field in "$report"/*; do
        set -- "$@" --data-urlencode "${field##*/}@$field"
    done
    curl --silent --max-time 5 --retry 0 --globoff --proto '=http,https' "$@" -- "$url"
}

# Leaves out what nobody else is to read: names and passwords in URLs, and this boot's token, which is on the kernel
# line and thus in the log.
slipway_mask() {
    sed -e 's#//[^/@ ]*@#//#g' -e 's#/report/[0-9A-Za-z]*#/report/...#g' \
        -e 's#/configuration/[0-9A-Za-z]*#/configuration/...#g' \
        -e 's#/containers/\([0-9A-Fa-f:-]*\)/[0-9A-Za-z]*#/containers/\1/...#g'
}

# Waits until all reports were sent, at most 2 s.
slipway_await_reports() {
    local looks=0
    while [ "$looks" -lt 20 ] && slipway_next_report > /dev/null; do
        looks=$((looks + 1))
        sleep 0.1 || break
    done
} 2> /dev/null

# Reports that no root could be made, with the reason recorded, and in which stage that was.
slipway_report_failure() {
    local stage=network
    # None was reported where there is no network.
    [ ! -s "$slipway_reports/stage" ] || read -r stage < "$slipway_reports/stage"
    slipway_report "$stage" failed "$(cat "$slipway_run/failure"). $(cat "$slipway_run/remedy")" \
        "log=$(slipway_last_log)"
} 2> /dev/null

# The end of this boot's log.
slipway_last_log() {
    {
        if command -v journalctl > /dev/null && [ -n "$slipway_journal" ]; then
            journalctl -b -n 40 -o short-monotonic --no-pager --no-hostname
        else
            dmesg | tail -n 40
        fi
    } 2> /dev/null
}

# Has the system that starts report when it is up, if systemd is its init, as it is this initrd's: /run goes over to it.
# $1: where that is, empty for /run
slipway_report_up() {
    local url='' run="${1:-/run}" units="${1:-/run}/systemd/system"
    [ -d "$units" ] && url=$(slipway_report_url) || return 0
    mkdir -p "$units/multi-user.target.wants"
    cp "$slipway_parts/slipway-up.sh" "$run/slipway-up"
    # SELinux: these files are made before there is a policy. systemd labels all of /run anew when it has loaded one;
    # where that policy does not let a unit's shell read /run or open a connection, there is no report.
    # Not oneshot, which would be a job of the boot whose end it waits for.
    cat > "$units/slipway-up.service" << UNIT
[Unit]
Description=Report to the boot server that this system is up

[Service]
Type=simple
RemainAfterExit=yes
# Not run as a program: /run may be mounted noexec.
ExecStart=/bin/sh $run/slipway-up $url
UNIT
    ln -sf ../slipway-up.service "$units/multi-user.target.wants/slipway-up.service"
} 2> /dev/null
