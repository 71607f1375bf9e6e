#!/bin/bash
# Runs as process 1 of the emulated machine: makes it a normal Linux, then does what the exchange says.
# shellcheck disable=SC1091,SC2154 # settings: PATH HOME folder modules name out, written by run.sh
. /run/exchange/settings
export PATH HOME
echo "$name" >/proc/sys/kernel/hostname
for n in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${n%:*}" "/dev/${n#*:}"; done
ln -s /proc/self/fd /dev/fd
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
kernel=$(uname -r)
mkdir -p "/lib/modules/$kernel" && mount --bind "$modules/$kernel" "/lib/modules/$kernel"
# What a node has loaded; the rest loads itself when asked for.
modprobe -a br_netfilter veth 8021q nft_masq
ip link set lo up
if [ -n "$out" ]; then
	mkdir -p "$out" && mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000 out "$out"
fi
mapfile -d '' -t command </run/exchange/arguments
code=125
if cd "$folder"; then
	env -i PATH="$PATH" HOME="$HOME" USER=root LANG=C.UTF-8 "${command[@]}" </dev/null
	code=$?
fi >>/run/exchange/output 2>&1
echo "$code" >/run/exchange/code
sync
echo b >/proc/sysrq-trigger # a reboot, which ends the machine
