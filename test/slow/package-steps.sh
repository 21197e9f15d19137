#!/bin/sh
# Run by systemd inside a fresh Debian: installs /slipway.deb, looks at the service, upgrades it to /slipway-next.deb
# under a download, removes and purges it, and ends the system. Each step's output is in /report below its name.
exec > /report 2>&1
step() { echo "== $1"; }

ip link add lan type veth peer name other
ip link set other up
ip address add 192.0.2.10/24 dev lan
ip link set lan up
ip route add default via 192.0.2.1

# $1: a property of the unit
property() { systemctl show slipway --property "$1" --value; }
# Entries of the log. journald first takes what was sent to it.
journal() {
    journalctl --sync
    journalctl --unit slipway --output json --no-pager "$@"
}
# Waits until a command succeeds. The limit is a last resort against hanging.
wait_for() {
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.2
    done
    echo "never came: $*"
    return 1
}
# $1: of the server's process; $2: the event
logged() { [ -n "$(journal "_PID=$1" "SLIPWAY_EVENT=$2")" ]; }

step install
dpkg --install /slipway.deb
systemctl is-enabled slipway
property ActiveState
property NRestarts
property StatusText
property WatchdogUSec
stat --format '%U %a %n' /etc/slipway/config.yaml /var/lib/slipway
grep Cap "/proc/$(property MainPID)/status"

step security
systemd-analyze security slipway --no-pager | tail -n 1

step journal
journal SLIPWAY_EVENT=ready
journal SLIPWAY_EVENT=config.empty
journal PRIORITY=4

step state
ls /var/lib/slipway
slipway status

step watchdog
mkdir -p /run/systemd/system/slipway.service.d
printf '[Service]\nWatchdogSec=6\n' > /run/systemd/system/slipway.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart slipway
told() { property WatchdogTimestampMonotonic; }
tells() { [ "$(told)" != "$last" ]; }
# More than once over.
for _ in 1 2 3; do
    last=$(told)
    wait_for tells
done
echo "restarts: $(property NRestarts)"
kill -STOP "$(property MainPID)"
restarted() { [ "$(property NRestarts)" != 0 ] && [ "$(property ActiveState)" = active ]; }
wait_for restarted
echo "restarts then: $(property NRestarts)"
rm -r /run/systemd/system/slipway.service.d
systemctl daemon-reload
systemctl restart slipway

step reload
systemctl reload slipway
wait_for logged "$(property MainPID)" config.loaded
property ActiveState
journal SLIPWAY_EVENT=config.loaded

step commands
slipway --version
slipway completion bash | head -n 1
[ ! -x /usr/bin/man ] || man --where slipway

step upgrade
mkdir -p /var/lib/slipway/artifacts/debian
head -c 40000000 /dev/urandom > /var/lib/slipway/artifacts/debian/big
chown -R slipway: /var/lib/slipway/artifacts
echo '# a line of the administrator' >> /etc/slipway/config.yaml
before=$(property MainPID)
# A download that takes its first bytes, and the rest after an event of the server. $1: where it goes; $2: the event
download() {
    curl --silent http://192.0.2.10:8080/artifacts/debian/big | {
        head -c 1000000
        : > "$1.begun"
        wait_for logged "$before" "$2" >&2
        cat
    } > "$1"
}
download /short stopping &
short=$!
# Longer than the grace: it waits for the end of all downloads.
download /long stopped &
long=$!
wait_for [ -e /short.begun ]
wait_for [ -e /long.begun ]
dpkg --install /slipway-next.deb
wait $short
cmp /short /var/lib/slipway/artifacts/debian/big && echo 'the short download is whole'
wait $long
cmp --silent /long /var/lib/slipway/artifacts/debian/big || echo 'the long download was ended'
journal "_PID=$before" SLIPWAY_EVENT=stopped --output cat
[ "$(property MainPID)" != "$before" ] && echo 'another process'
property ActiveState
dpkg-query --show --showformat '${Version}\n' slipway
tail -n 1 /etc/slipway/config.yaml

step broken
echo 'nodes: [' >> /etc/slipway/config.yaml
systemctl restart slipway
property ActiveState
journal PRIORITY=3 --output cat

step remove
dpkg --remove slipway
systemctl is-active slipway
pgrep --uid slipway || echo 'no process'
ls /etc/slipway /usr/lib/slipway /usr/bin/slipway

step purge
dpkg --purge slipway
ls -d /etc/slipway /var/lib/slipway /etc/systemd/system/multi-user.target.wants/slipway.service
find / -xdev -name '*slipway*' -not -path '/slipway*' -not -path '/var/log/*' -not -path '/var/lib/dpkg/*'

step end
systemctl poweroff --force
