#!/bin/sh
# The pipeline: steps one after the other, and services in the background.

# Seconds that a container gets to end before it is killed.
run_grace=10

# Runs crun. The kernel never ends this initrd's program where memory runs out, but it must end a container over its limit.
run_crun() (
    echo 0 > /proc/self/oom_score_adj
    exec crun --root "$containers_run/crun" --cgroup-manager=cgroupfs "$@"
)

# Runs all steps. Sets $containers_status, 0 or that of the step by which the pipeline failed, and $containers_ending,
# "reboot" where a step wants that.
containers_run_pipeline() {
    local number=0 name='' step='' stopped='' action='' background=''
    containers_status=0 containers_failed_by='' containers_previous='' containers_previous_status=0 containers_ending=''
    run_services=''
    slipway_report up 'done' "the first of $containers_steps steps begins"
    run_mirrors pull start || stopped=1
    while [ "$number" -lt "$containers_steps" ]; do
        # shellcheck disable=SC2016 # jq's variable
        name=$(containers_jq -r --argjson number "$number" '.steps[$number].name')
        step=$containers_run/step-$name.json
        # shellcheck disable=SC2016
        containers_jq -c --argjson number "$number" '.steps[$number]' > "$step"
        background=$(jq -r .background "$step")
        [ ! -e "$containers_run/cancelled" ] || stopped=1
        if [ -n "$stopped" ] && [ "$(jq -r .always "$step")" != true ]; then
            slipway_say "step $name is left out"
        elif [ "$background" = true ]; then
            run_begin_service "$step" "$number" "$name" || stopped=1
        else
            run_step "$step" "$number" "$name"
            containers_previous=$name containers_previous_status=$run_status
            if [ "$run_status" -ne 0 ]; then
                [ "$containers_status" -ne 0 ] || containers_status=$run_status containers_failed_by=$name
                action=$(jq -r .on_failure.action "$step")
                case $action in
                    continue) ;;
                    reboot) stopped=1 containers_ending=reboot ;;
                    *) stopped=1 ;;
                esac
            fi
        fi
        number=$((number + 1))
    done
    run_end_services
    mirror_stop
    run_mirrors push end
    [ ! -e "$containers_run/cancelled" ] || [ "$containers_status" -ne 0 ] || containers_status=130
    slipway_tell "the pipeline ended with status $containers_status${containers_failed_by:+: step $containers_failed_by failed}"
    if [ "$containers_status" -eq 0 ]; then
        log_step '' 'done' 'the pipeline is done' status=0
    else
        log_step '' failed "the pipeline ended with status $containers_status" "status=$containers_status"
    fi
}

# The volumes that a step mounts. $1: the step, a file
run_volumes() {
    jq -r '.mounts[].volume // empty' "$1" | sort -u
}

# Fetches a volume, or brings it to its store, where the document says so. $1: pull or push; $2: start, step or end; $3:
# its name. Fails where that cannot be done: the pipeline has failed by it then.
run_mirror() {
    if volume_open "$3" && "mirror_$1" "$3" "$2" "$volume_dir"; then return 0; fi
    slipway_tell "volume $3: $(cat "$slipway_run/failure") $(cat "$slipway_run/remedy")"
    [ "$containers_status" -ne 0 ] || containers_status=1 containers_failed_by="volume $3"
    return 1
}

# Does so with all volumes that have a copy. $1: pull or push; $2: start or end
run_mirrors() {
    local name='' status=0
    for name in $(containers_jq -r '.volumes[] | select(.mirror) | .name'); do
        run_mirror "$1" "$2" "$name" || status=1
        [ "$1" = push ] || mirror_watch "$name" "$volume_dir"
    done
    return "$status"
}

# Runs a step to its end, as often as it may be tried. $1: the step, a file; $2: its number; $3: its name. Sets
# $run_status.
run_step() {
    local tries=0 retries='' name='' reason='' message=''
    retries=$(jq -r .on_failure.retries "$1")
    while :; do
        log_step "$3" begun "step $3 begins"
        slipway_say "step $3 begins"
        for name in $(run_volumes "$1"); do run_mirror pull step "$name"; done
        run_container "$1" "$2" "$3"
        for name in $(run_volumes "$1"); do run_mirror push step "$name"; done
        [ "$run_status" -ne 0 ] || break
        tries=$((tries + 1))
        [ "$tries" -le "$retries" ] || break
        [ ! -e "$containers_run/cancelled" ] || break
        slipway_say "step $3 failed with status $run_status; try $((tries + 1)) of $((retries + 1))"
    done
    if [ "$run_status" -eq 0 ]; then
        log_step "$3" 'done' "step $3 is done" status=0
    else
        reason=$(cat "$containers_run/reason" 2> /dev/null || echo exit)
        case $reason in
            timeout) message="step $3 was not done after $(jq -r .timeout "$1") s: if it needs longer, give it a larger timeout" ;;
            memory) message="step $3 needs more memory than its limit: give it a larger one" ;;
            start | image) message="step $3: $(cat "$slipway_run/failure") $(cat "$slipway_run/remedy")" ;;
            *) message="step $3 ended with status $run_status" ;;
        esac
        slipway_say "$message"
        log_step "$3" failed "$message" "status=$run_status" "reason=$reason"
    fi
}

# How often memory ran out in the control group of a step. $1: its name
run_kills() {
    sed -n 's/^oom_kill //p' "/sys/fs/cgroup/slipway-$1/memory.events" 2> /dev/null | grep . || echo 0
}

# Prepares a container. $1: the step, a file; $2: its number; $3: its name. Fails with the reason recorded.
run_prepare() {
    local at="$containers_scratch/steps/$3"
    slipway_unmount "$at/rootfs"
    slipway_remove "$at"
    containers_mount_image "$(jq -r .image.reference "$1")" "$at" &&
        network_open "$2" "$(jq -r .network "$1")" && bundle_make "$1" "$at/rootfs" "$3" "$containers_run/bundles/$3" || return 1
    run_crun delete --force "$3" > /dev/null 2>&1
    # Controllers that a limit needs: crun does not pass them down from the top.
    mkdir -p "/sys/fs/cgroup/slipway-$3"
    echo '+memory +pids' > /sys/fs/cgroup/cgroup.subtree_control
    echo '+memory +pids' > "/sys/fs/cgroup/slipway-$3/cgroup.subtree_control"
    :
} 2> /dev/null

# Runs a prepared container, its output taken. $1: its name. Returns its status.
run_prepared() {
    {
        run_crun run --no-pivot --bundle "$containers_run/bundles/$1" "$1" < /dev/null 2>&1
        echo $? > "$containers_run/status-$1"
    } | log_take "$1"
    return "$(cat "$containers_run/status-$1")"
}

# Runs a container once. $1: the step, a file; $2: its number; $3: its name. Sets $run_status; the reason of a failure
# is in $containers_run/reason.
run_container() {
    local watch='' before=''
    rm -f "$containers_run/reason"
    if ! run_prepare "$1" "$2" "$3"; then
        echo start > "$containers_run/reason"
        run_status=125
        return
    fi
    before=$(run_kills "$3")
    log_begin "$3"
    run_watch "$3" "$(jq -r '.timeout // 0' "$1")" &
    watch=$!
    run_prepared "$3"
    run_status=$?
    kill "$watch" 2> /dev/null
    wait "$watch" 2> /dev/null
    [ "$(run_kills "$3")" -le "$before" ] || [ "$run_status" -eq 0 ] || echo memory > "$containers_run/reason"
    log_end "$3"
    run_remove "$2" "$3"
}

# Takes away what a container leaves. $1: its number; $2: its name
run_remove() {
    run_crun delete --force "$2" > /dev/null 2>&1
    network_close "$1"
    slipway_unmount "$containers_scratch/steps/$2/rootfs"
    slipway_remove "$containers_scratch/steps/$2"
    rm -rf "$containers_run/bundles/$2"
    rmdir "/sys/fs/cgroup/slipway-$2" 2> /dev/null
    :
}

# Ends a container when its time is up, or the pipeline is cancelled. $1: its name; $2: seconds, 0 for no limit
run_watch() {
    local begin=''
    begin=$(slipway_uptime)
    while sleep 1; do
        if [ -e "$containers_run/cancelled" ]; then
            break
        elif [ "$2" -gt 0 ] && [ $(($(slipway_uptime) - begin)) -ge "$2" ]; then
            echo timeout > "$containers_run/reason"
            break
        fi
    done
    run_stop "$1"
} > /dev/null 2>&1

# Prints the signal that asks a container to end: the one that its image names (StopSignal: a name with SIG or without,
# or a number), else the usual one. crun takes any name, and sends nothing where it does not know it. $1: its step, a file
run_stop_signal() {
    local signal='' image=''
    image=$containers_images/$(containers_image_key "$(jq -r .image.reference "$1")")/config.json
    signal=$(jq -r '.config.StopSignal // empty' "$image" | tr '[:lower:]' '[:upper:]')
    signal=${signal#SIG}
    case $signal in
        HUP | INT | QUIT | ILL | TRAP | ABRT | BUS | FPE | KILL | USR1 | SEGV | USR2 | PIPE | ALRM | TERM | CHLD | CONT) ;;
        TSTP | TTIN | TTOU | URG | XCPU | XFSZ | VTALRM | PROF | WINCH | IO | PWR | SYS) ;;
        RTMIN | RTMIN+[1-9] | RTMIN+1[0-5] | RTMAX | RTMAX-[1-9] | RTMAX-1[0-4]) ;;
        [1-9] | [1-5][0-9] | 6[0-4]) ;;
        *) if jq -e .systemd "$1" > /dev/null; then signal=RTMIN+3; else signal=TERM; fi ;;
    esac
    printf '%s\n' "$signal"
}

# Ends a container, by force if need be. $1: its name
run_stop() {
    local seconds=0
    run_crun kill "$1" "$(run_stop_signal "$containers_run/step-$1.json")"
    while [ "$seconds" -lt "$run_grace" ] && run_crun state "$1" | grep -q '"status": "running"'; do
        seconds=$((seconds + 1))
        sleep 1
    done
    run_crun kill --all "$1" KILL || run_crun kill "$1" KILL
    :
} > /dev/null 2>&1

# Starts a service. $1: the step, a file; $2: its number; $3: its name. Fails where it cannot be started.
run_begin_service() {
    log_step "$3" begun "service $3 begins"
    slipway_say "service $3 begins"
    if ! run_prepare "$1" "$2" "$3"; then
        containers_status=125 containers_failed_by=$3
        log_step "$3" failed "service $3: $(cat "$slipway_run/failure") $(cat "$slipway_run/remedy")" status=125 reason=start
        slipway_say "service $3: $(cat "$slipway_run/failure")"
        return 1
    fi
    rm -f "$containers_run/stopping-$3"
    log_begin "$3"
    run_service "$3" &
    run_services="$run_services $2:$3"
}

# Runs a service, and says where it ends too early. $1: its name
run_service() {
    local status=''
    run_prepared "$1"
    status=$?
    [ -e "$containers_run/stopping-$1" ] || {
        slipway_say "service $1 ended before the pipeline, with status $status"
        log_step "$1" failed "service $1 ended before the pipeline, with status $status" "status=$status" reason=exit
    }
    : > "$containers_run/ended-$1"
}

# Ends all services, the last one first.
run_end_services() {
    local service='' name='' reversed=''
    for service in $run_services; do reversed="$service $reversed"; done
    for service in $reversed; do
        name=${service#*:}
        : > "$containers_run/stopping-$name"
        if [ ! -e "$containers_run/ended-$name" ]; then
            run_stop "$name"
            log_step "$name" 'done' "service $name is stopped"
        fi
        log_end "$name"
        run_remove "${service%%:*}" "$name"
        rm -f "$containers_run/ended-$name" "$containers_run/stopping-$name"
    done
}
