#!/bin/bash
# What build-image.sh changes in Debian's minimal system. Sourced, not run.

# Leaves out of the base layer what belongs to the machine that built it. $1: its root
clean_base() {
    local root=${1:?}
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/* "$root"/var/cache/ldconfig/* \
        "${root:?}"/boot/* "${root:?}"/tmp/*
    rm -f "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/var/lib/dbus/machine-id
    # Empty: systemd gives the node an identity of its own at every boot.
    : > "$root/etc/machine-id"
}

# Writes the second layer: settings, the report, and marks for what it removes from the base. $1: the base; $2: the layer
write_layer() {
    local base=$1 layer=$2 units=$2/etc/systemd/system
    mkdir -p "$units/multi-user.target.wants" "$units/local-fs.target.wants" "$layer/etc/systemd/network" \
        "$layer/usr/local/sbin" "$layer/usr/share/doc"

    # Whiteouts: a file of the base, and all that its documentation had.
    : > "$layer/etc/.wh.motd"
    : > "$layer/usr/share/doc/.wh..wh..opq"

    printf '[Match]\nType=ether\n\n[Network]\nDHCP=yes\n' > "$layer/etc/systemd/network/80-dhcp.network"
    ln -s /usr/lib/systemd/system/systemd-networkd.service "$units/multi-user.target.wants/systemd-networkd.service"
    # The root is read-only by default, so /tmp must be a file system of its own; Debian 13 does that by itself.
    if [ -f "$base/usr/share/systemd/tmp.mount" ]; then
        cp "$base/usr/share/systemd/tmp.mount" "$units/tmp.mount"
        ln -s ../tmp.mount "$units/local-fs.target.wants/tmp.mount"
    fi
    cp "$base/etc/shadow" "$layer/etc/shadow"
    sed -i "s|^root:[^:]*:|root:$(printf 'slipway' | openssl passwd -6 -stdin):|" "$layer/etc/shadow"
    printf 'Debian in memory, booted by Slipway \\n \\l\nLog in as root, password slipway.\n\n' > "$layer/etc/issue"

    cat > "$units/slipway-report.service" << 'UNIT'
[Unit]
Description=Report on the console what this system runs from
After=systemd-user-sessions.service network.target
# The log-in prompt would write into the middle of it.
Before=serial-getty@ttyS0.service getty@tty1.service

[Service]
Type=oneshot
ExecStart=/usr/local/sbin/slipway-report
StandardOutput=tty
TTYPath=/dev/console

[Install]
WantedBy=multi-user.target
UNIT
    ln -s ../slipway-report.service "$units/multi-user.target.wants/slipway-report.service"
    cat > "$layer/usr/local/sbin/slipway-report" << 'SCRIPT'
#!/bin/sh
# One line each, marked, for a person or a test that reads the console.
. /etc/os-release
report() { printf '\rSLIPWAY-REPORT %s\n' "$*"; }
report "hostname=$(uname -n)"
report "cmdline=$(cat /proc/cmdline)"
report "rootfs=$(findmnt --noheadings --output FSTYPE / | tail -n 1)"
report "options=$(findmnt --noheadings --output OPTIONS / | tail -n 1)"
writable=
for directory in / /etc /var; do
    if touch "$directory/.slipway" 2> /dev/null; then
        rm "$directory/.slipway"
        writable="$writable${writable:+ }$directory"
    fi
done
report "writable=$writable"
report "os=$VERSION_ID"
report "kernel=$(uname -r)"
report "failed=$(systemctl --failed --plain --no-legend | cut -d ' ' -f 1 | tr '\n' ' ')"
report "memory=$(sed -n 's/^Shmem: *//p' /proc/meminfo)"
report "uptime=$(cut -d ' ' -f 1 /proc/uptime)"
report end
SCRIPT
    chmod 755 "$layer/usr/local/sbin/slipway-report"
    chmod 640 "$layer/etc/shadow"
}
