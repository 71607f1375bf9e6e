#!/bin/bash
# Runs in the chroot: see packages.sh.
set -euo pipefail
. /test/said.sh
cd /test/things
quiet() { said "$@" >/test/log 2>&1 || { cat /test/log && exit 1; }; head -n 1 /test/log; }
ours() { who /opt/cni/bin/bridge; }

quiet dpkg -i --force-depends containernetworking-plugins_*.deb
quiet dpkg -i kubernetes-cni_1.4.0.deb
files >/test/before
watched dpkg -i old/*.deb
old=$(ours)
expect "bridge is Trestle's" "${old%% *}" Trestle
expect "what was there is kept" "$(who /opt/cni/bin/bridge.before-trestle)" 1.4.0
expect "Debian's folder is left alone" "$(who /usr/lib/cni/bridge)" other
said ls -l /opt/cni/bin
said dpkg -S /opt/cni/bin/bridge
said trestle --version
said cat /usr/share/doc/trestle/COMMIT

echo "- Debian's own folder too, and a new version"
said sed -i 's|^PLUGIN_DIRS=.*|PLUGIN_DIRS="/opt/cni/bin /usr/lib/cni"|' /etc/default/trestle
watched dpkg -i new/*.deb
new=$(ours)
[ "$new" != "$old" ] || { echo "FAILED: the upgrade changed nothing: $new"; exit 1; }
expect "Debian's folder has it now" "$(who /usr/lib/cni/bridge)" "$new"
grep -q /usr/lib/cni /etc/default/trestle || { echo "FAILED: the setting was lost"; exit 1; }

echo "- the other package is upgraded: its files go where ours keep them"
watched dpkg -i kubernetes-cni_1.5.0.deb
expect "bridge is still ours" "$(ours)" "$new"
expect "the kept one is the new one" "$(who /opt/cni/bin/bridge.before-trestle)" 1.5.0

echo "- one folder less"
said sed -i 's|^PLUGIN_DIRS=.*|PLUGIN_DIRS="/opt/cni/bin"|' /etc/default/trestle
said dpkg-reconfigure trestle
expect "Debian's folder has its own again" "$(who /usr/lib/cni/bridge)" other

echo "- removed"
watched dpkg -r trestle
expect "bridge is the other package's" "$(ours)" 1.5.0
quiet dpkg -P trestle
said dpkg --verify kubernetes-cni containernetworking-plugins
expect "no diversion is left" "$(dpkg-divert --list '*trestle*')" ""
files | diff /test/before - || { echo "FAILED: files differ"; exit 1; }

echo "- the other package goes first"
quiet dpkg -i new/*.deb
quiet dpkg -P kubernetes-cni
expect "bridge is ours" "$(ours)" "$new"
said dpkg -P trestle
expect "nothing is left" "$(find /opt -mindepth 1; find / -xdev -name '*trestle*' ! -path '/test/*' ! -path '/proc/*' ! -path '/var/log/*')" ""
