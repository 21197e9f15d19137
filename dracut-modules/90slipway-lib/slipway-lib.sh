#!/bin/sh
# What every root method shares: speaking to the person at the console, the arguments, tmpfs, and giving up.
# What a function keeps for itself is local, which every /bin/sh of an initrd has though POSIX does not: dash, bash and
# busybox. Always with a value, as dash would take over the caller's.

# Everything that the modules keep while the initrd runs.
slipway_run=${slipway_run:-/run/slipway}
# The parts of the modules.
slipway_parts=${slipway_parts:-/lib/slipway}
# A file for each root method that this initrd has.
slipway_methods=${slipway_methods:-$slipway_parts/methods}
# Where the root file system is made (see memory-lib.sh), and a place for small files that are only needed meanwhile.
slipway_memory=$slipway_run/memory
slipway_root=$slipway_memory/root
slipway_store=$slipway_memory/store
slipway_work=$slipway_run/work

# Says one line on every console, with `quiet` too, and in the journal, which the main program has at descriptor 9:
# standard output may be a pipe full of data here.
slipway_tell() {
    local tty=''
    [ -n "$slipway_journal" ] && printf '%s\n' "$*" >&9
    while read -r tty _; do
        [ -c "/dev/$tty" ] && printf 'slipway: %s\n' "$*" > "/dev/$tty"
    done < /proc/consoles 2> /dev/null
    :
}

# Says how far things are, unless the method was told to be quiet.
slipway_say() {
    [ -n "$slipway_quiet" ] || slipway_tell "$@"
}

# Records why there is no root and what a person can do about it, for slipway_give_up.
# $1: what failed; $2: what to do. Always fails, so that a method can end with it.
slipway_failed() {
    local record="${slipway_record:-$slipway_run}"
    mkdir -p "$record"
    printf '%s\n' "$1" > "$record/failure"
    printf '%s\n' "$2" > "$record/remedy"
    return 1
}

# Whole seconds since the kernel started.
slipway_uptime() {
    cut -d . -f 1 /proc/uptime
}

# A number of bytes, for people.
slipway_size() {
    if [ "$1" -ge 10485760 ]; then
        printf '%s MB\n' "$(($1 / 1048576))"
    else
        printf '%s kB\n' "$(($1 / 1024))"
    fi
}

# Whether $1 is what rd.tmpfs.size= may say: 3G, 500M, 50% or nothing at all.
slipway_is_size() {
    case ${1%[kKmMgG%]} in
        '') [ -z "$1" ] ;;
        *[!0-9]*) return 1 ;;
    esac
}

# Whether $1 is a SHA-256 digest as 64 lower-case hex digits.
slipway_is_digest() {
    case $1 in
        *[!0-9a-f]*) return 1 ;;
    esac
    [ ${#1} -eq 64 ]
}

# Reads slipway.sha256= into $slipway_sha256: lower-case hex digits, or empty where none was given.
slipway_read_digest() {
    slipway_sha256=$(getarg slipway.sha256= | tr 'A-F' 'a-f')
    slipway_sha256=${slipway_sha256#sha256:}
    [ -z "$slipway_sha256" ] || slipway_is_digest "$slipway_sha256" ||
        slipway_failed "slipway.sha256=$slipway_sha256 is no SHA-256 digest" "Give 64 hex digits, as sha256sum prints."
}

# Compares two digests. $1: what was expected, empty for anything; $2: what was found; $3: of what. 5: they differ.
slipway_check_digest() {
    [ -z "$1" ] || [ "$1" = "$2" ] ||
        slipway_failed "$3 has the wrong SHA-256 digest: expected $1, got $2" \
            'The server announced other bytes: a file changed, or a disk, memory or link is faulty.' || return 5
}

# The size that the root's tmpfs gets, from rd.tmpfs.size=, into $slipway_tmpfs_size.
slipway_read_tmpfs_size() {
    slipway_tmpfs_size=$(getarg rd.tmpfs.size=)
    slipway_is_size "$slipway_tmpfs_size" ||
        slipway_failed "rd.tmpfs.size=$slipway_tmpfs_size is no size" 'Give a number with k, M, G or %: 3G, 50%.'
}

# The shared libraries of a program, with its loader. $1: the program's file
slipway_libraries() {
    # Standard input may be the archive, and a program without a loader would run.
    LD_TRACE_LOADED_OBJECTS=1 "$1" < /dev/null | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*/\1/p'
}

# Loads parts of the modules. $@: their names
slipway_load() {
    local part=''
    for part; do
        . "$slipway_parts/$part.sh"
    done
}

# Whether a method is asked for. Sets:
#   slipway_method       its name
#   slipway_source       where the root comes from
#   slipway_mounts       where the root is mounted from there
#   slipway_writable     where all of the root is writable
#   slipway_directories  what is writable in one that is not
#   slipway_flags        further mount options
#   slipway_zram         the size of a root on zram
#   slipway_quiet        to say less
#   slipway_wants        what comes from there, for people
#   slipway_lacks        the sentence for people where that cannot be
# The method then also has slipway_make_root, which makes the root in $slipway_root, and may have slipway_pivot.
slipway_find_method() {
    local file=''
    slipway_method='' slipway_source='' slipway_writable='' slipway_directories='' slipway_flags='' slipway_zram=''
    slipway_quiet='' slipway_mounts=1 slipway_wants='the root' slipway_lacks='This machine has no root file system.'
    for file in "$slipway_methods"/*.sh; do
        # A method without one must not have the one of the method before it.
        slipway_pivot() { :; }
        . "$file"
        slipway_claim && return 0
    done
    slipway_claim_missing
}

# Takes the boot on, to end it with a message, if root= is of a method that this initrd was made without: dracut itself
# would say no more than that it is not known. root=slipway+NAME: is of the module slipway-NAME.
slipway_claim_missing() {
    slipway_source=$(getarg root=)
    slipway_method=${slipway_source%%:*}
    case $slipway_source in
        bootc-live:?*) ;;
        slipway:?*) slipway_method=slipway-image ;;
        slipway+?*:?*) slipway_method=slipway-${slipway_method#slipway+} ;;
        *) return 1 ;;
    esac
    slipway_make_root() {
        slipway_failed "this initrd has no dracut module $slipway_method, which root=$slipway_source needs" \
            'Make the initrd again with it (dracut tells which tools it lacks), or choose another root method.'
    }
}

# Whether $1 names something that must be fetched over the network.
slipway_is_url() {
    case $1 in
        http://* | https://* | ftp://* | tftp://* | docker://* | nbd://*) return 0 ;;
        *) return 1 ;;
    esac
}

# Whether a tree can be booted at all. Adds the mount points that container images leave out.
slipway_check_root() {
    local init=''
    slipway_confined "$slipway_root" mkdir -p /proc /sys /dev /run 2> "$slipway_work/check.err" ||
        slipway_failed "the image is no root file system: $(head -n 1 "$slipway_work/check.err")" \
            'In the image, /proc, /sys, /dev and /run must be directories or missing, and /.sw must be missing.' ||
        return 1
    init=$(getarg init=)
    init=${init:-/sbin/init}
    slipway_root_has "$slipway_root" "$init" ||
        slipway_failed "the image has no $init" \
            'It is a container image without an init system: install systemd-sysv, or name one with init=.' || return 1
    slipway_root_has "$slipway_root" "/lib/modules/$(uname -r)" ||
        slipway_say "the image has no modules for this kernel, $(uname -r): only drivers of the initrd will work"
}

# Restarts the machine at once: nothing in an initrd needs to be shut down.
slipway_reboot() {
    slipway_tell 'restarting'
    echo b > /proc/sysrq-trigger
    # The line above does not return where the kernel has it at all.
    reboot -f
    sleep 3600
}

# Says on the console what failed and what to do, as they are recorded.
slipway_tell_failure() {
    slipway_tell "What failed:  $(cat "$slipway_run/failure" 2> /dev/null)"
    slipway_tell "What to do:   $(cat "$slipway_run/remedy" 2> /dev/null)"
}

# Says on the console what failed and what to do, then does what slipway.on_failure= asks for.
# Returns only if all is to be tried again.
slipway_give_up() {
    local action=''
    action=$(getarg slipway.on_failure=)
    case $action in
        shell | reboot | retry) ;;
        *) if getargbool 0 rd.shell; then action=shell; else action=reboot; fi ;;
    esac
    slipway_report_failure
    slipway_tell '----------------------------------------------------------------'
    slipway_tell "$slipway_lacks"
    slipway_tell_failure
    slipway_tell "Kernel line:  $(cat /proc/cmdline)"
    case $action in
        shell)
            slipway_tell 'Next:         a shell on this console; leave it with "exit" to try again'
            slipway_tell '              (root is locked in this initrd? Add SYSTEMD_SULOGIN_FORCE=1 to the kernel line)'
            ;;
        retry) slipway_tell 'Next:         all is tried again in 60 s' ;;
        reboot) slipway_tell 'Next:         restart in 60 s (slipway.on_failure=shell gives a shell instead)' ;;
    esac
    slipway_tell '----------------------------------------------------------------'
    case $action in
        shell) emergency_shell -n slipway "$slipway_lacks" ;;
        retry) sleep 60 ;;
        reboot)
            sleep 60
            slipway_reboot
            ;;
    esac
}
