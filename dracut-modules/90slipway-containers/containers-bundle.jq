# The bundle of one container (OCI runtime specification 1.0.2, config.md). Input: the step of the document.
# $image: the image's configuration; $about: what is known of this machine, as an object: uid, gid, groups, home,
# hostname, rootfs, netns (a path, or empty), cgroup, files (of this container), environment, volumes (paths by name).

# What a step may do that the document does not say more of: as podman has it.
def few: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT"];
def all: few + ["CAP_AUDIT_CONTROL", "CAP_AUDIT_READ", "CAP_AUDIT_WRITE", "CAP_BLOCK_SUSPEND", "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE", "CAP_DAC_READ_SEARCH", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_LEASE",
    "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN", "CAP_MAC_OVERRIDE", "CAP_MKNOD", "CAP_NET_ADMIN", "CAP_NET_BROADCAST",
    "CAP_NET_RAW", "CAP_PERFMON", "CAP_SYSLOG", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_MODULE", "CAP_SYS_NICE",
    "CAP_SYS_PACCT", "CAP_SYS_PTRACE", "CAP_SYS_RAWIO", "CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG",
    "CAP_WAKE_ALARM"];

# Calls by which a container could reach the kernel or other containers, and that no capability guards well enough.
def refused: ["add_key", "bpf", "delete_module", "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick",
    "init_module", "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie",
    "mount_setattr", "move_mount", "name_to_handle_at", "open_by_handle_at", "open_tree", "perf_event_open", "pivot_root",
    "process_madvise", "process_vm_readv", "process_vm_writev", "quotactl", "reboot", "request_key", "settimeofday",
    "clock_settime", "swapoff", "swapon", "syslog", "userfaultfd", "vhangup"];

def environment: (($image.config.Env // []) + ["HOME=" + $about.home, "HOSTNAME=" + $about.hostname]
        + (if .systemd then ["container=oci"] else [] end)
        + ($about.environment | to_entries | map(.key + "=" + .value))
        + (.environment | to_entries | map(.key + "=" + .value)))
    # The last one of a name counts.
    | reduce .[] as $each ({}; . + {($each | split("=") | .[0]): $each}) | [.[]]
    | if any(.[]; startswith("PATH=")) then . else . + ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] end;

def arguments: (.entrypoint // $image.config.Entrypoint // [])
    + (.command // (if .entrypoint then [] else $image.config.Cmd // [] end));

def tmpfs($at; $options): {destination: $at, type: "tmpfs", source: "tmpfs", options: $options};

def mounts: [
    {destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]},
    tmpfs("/dev"; ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    {destination: "/dev/pts", type: "devpts", source: "devpts",
        options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
    tmpfs("/dev/shm"; ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    {destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]},
    {destination: "/sys", type: "sysfs", source: "sysfs",
        options: ["nosuid", "noexec", "nodev", if .privileged then "rw" else "ro" end]},
    {destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
        options: ["nosuid", "noexec", "nodev", "relatime", if .privileged or .systemd then "rw" else "ro" end]},
    ("hosts", "resolv.conf", "hostname" | {destination: "/etc/\(.)", type: "bind", source: "\($about.files)/\(.)",
        options: ["bind", "rprivate"]})
    ]
    + (if .systemd then [("/run", "/run/lock", "/tmp" | tmpfs(.; ["nosuid", "nodev", "mode=\(if . == "/run" then "755" else "1777" end)"]))]
        else [] end)
    + (.mounts | map(
        if .volume then {destination: .target, type: "bind", source: $about.volumes[.volume],
            options: ["rbind", "rprivate", if .read_only then "ro" else "rw" end]}
        elif .host then {destination: .target, type: "bind", source: .host,
            options: ["rbind", "rprivate", if .read_only then "ro" else "rw" end]}
        else tmpfs(.target; ["nosuid", "nodev", "mode=1777"] + if .tmpfs then ["size=\(.tmpfs)"] else [] end) end));

(if .privileged then all else few + .capabilities | unique end) as $capabilities
| {
    ociVersion: "1.0.2",
    process: {
        terminal: false,
        user: {uid: $about.uid, gid: $about.gid, additionalGids: $about.groups},
        args: arguments,
        env: environment,
        cwd: (.workdir // ($image.config.WorkingDir | select(. != "")) // "/"),
        capabilities: (
            {bounding: $capabilities, effective: (if $about.uid == 0 then $capabilities else [] end),
                permitted: (if $about.uid == 0 then $capabilities else [] end)}),
        rlimits: [{type: "RLIMIT_NOFILE", soft: 1024, hard: 1048576}],
        noNewPrivileges: false
    },
    root: {path: $about.rootfs, readonly: false},
    hostname: $about.hostname,
    mounts: mounts,
    linux: ({
        namespaces: ([{type: "pid"}, {type: "ipc"}, {type: "uts"}, {type: "mount"}, {type: "cgroup"}]
            + if .network == "host" then [] elif .network == "none" then [{type: "network"}]
                else [{type: "network", path: $about.netns}] end),
        cgroupsPath: $about.cgroup,
        devices: $about.devices,
        resources: ({devices: (if .privileged then [{allow: true, access: "rwm"}] else
                [{allow: false, access: "rwm"}]
                + ($about.devices | map({allow: true, type: .type, major: .major, minor: .minor, access: "rwm"})) end)}
            + if .memory then {memory: {limit: .memory, swap: .memory}} else {} end)
    }
    + if .privileged then {} else {
        # The kernel line has the token of this boot.
        maskedPaths: ["/proc/cmdline", "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
            "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/dev/block", "/sys/firmware",
            "/sys/fs/selinux"],
        readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        seccomp: {defaultAction: "SCMP_ACT_ALLOW",
            syscalls: [{names: refused, action: "SCMP_ACT_ERRNO", errnoRet: 1}]}
    } end)
}
