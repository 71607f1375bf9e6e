#!/bin/bash
# Runs in the chroot: see packages.sh. --nodeps: rpm's database does not know the chroot's shell.
set -euo pipefail
. /test/said.sh
cd /test/things
mkdir -p /etc/sysconfig # there on every system that is made of .rpm files
rpm() { command rpm "$@" 2> >(grep -v -e 'RPM should not be used' -e 'you know what you are doing' >&2); } # Debian's
ours() { who /opt/cni/bin/bridge; }

said rpm -i --nodeps kubernetes-cni-1.4.0.rpm
files >/test/before
watched rpm -i --nodeps old/*.rpm
old=$(ours)
expect "bridge is Trestle's" "${old%% *}" Trestle
expect "what was there is kept" "$(who /opt/cni/bin/bridge.before-trestle)" 1.4.0
said trestle --version
said rpm -qi trestle

watched rpm -U --nodeps new/*.rpm
new=$(ours)
[ "$new" != "$old" ] || { echo "FAILED: the upgrade changed nothing: $new"; exit 1; }
expect "what was there is kept" "$(who /opt/cni/bin/bridge.before-trestle)" 1.4.0

echo "- the other package is upgraded: it writes over ours, which is put back at once"
watched rpm -U --nodeps kubernetes-cni-1.5.0.rpm
expect "bridge is ours again" "$(ours)" "$new"
expect "the kept one is the new one" "$(who /opt/cni/bin/bridge.before-trestle)" 1.5.0

echo "- removed"
watched rpm -e trestle
expect "bridge is the other package's" "$(ours)" 1.5.0
said rpm -V --nodeps kubernetes-cni
files | diff /test/before - || { echo "FAILED: files differ"; exit 1; }

echo "- the other package goes first"
said rpm -i --nodeps new/*.rpm
said rpm -e kubernetes-cni
expect "bridge is ours" "$(ours)" "$new"
said rpm -e trestle
expect "nothing is left" "$(find /opt -type f; find / -xdev -name '*trestle*' ! -path '/test/*' ! -path '/proc/*' ! -path '/var/log/*')" ""
