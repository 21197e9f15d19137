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
journal() { journalctl --unit slipway --output json --no-pager "$@"; }

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
printf '[Service]\nWatchdogSec=2\n' > /run/systemd/system/slipway.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart slipway
# Two times over.
sleep 4
echo "restarts: $(property NRestarts)"
kill -STOP "$(property MainPID)"
for _ in $(seq 100); do
    [ "$(property NRestarts)" = 0 ] || break
    sleep 0.2
done
echo "restarts then: $(property NRestarts)"
rm -r /run/systemd/system/slipway.service.d
systemctl daemon-reload
systemctl restart slipway

step reload
systemctl reload slipway
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
# Six seconds, and two minutes: the grace is ten seconds.
curl --silent --show-error --limit-rate 7M --output /short http://192.0.2.10:8080/artifacts/debian/big &
short=$!
curl --silent --limit-rate 330k --output /long http://192.0.2.10:8080/artifacts/debian/big &
long=$!
sleep 1
began=$(date +%s)
dpkg --install /slipway-next.deb
echo "upgrade took $(($(date +%s) - began)) s"
wait $short && cmp /short /var/lib/slipway/artifacts/debian/big && echo 'the short download is whole'
wait $long || echo 'the long download was ended'
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
