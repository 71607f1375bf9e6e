#!/bin/bash
# run.sh COMMAND [ARG...]: runs COMMAND under another Linux kernel, in an emulated machine that sees this
# machine's files. Its output and its exit code are COMMAND's. README.md has the variables and the limits.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
here=$root/tests/vm
fail() { printf 'run.sh: %s\n' "$*" >&2; exit 125; }
[ $# -gt 0 ] || fail "usage: [VM_KERNEL=6.12] [VM_TIMEOUT=300] [VM_OUT=DIR] [VM_MEM=1024M] [VM_VERBOSE=1] run.sh COMMAND [ARG...]"

kernel=${VM_CACHE:-$cache/vm}/${VM_KERNEL:-stable}
"$here/prepare.sh" "$kernel" >&2 || fail "no kernel to run (see above)"
limit=${VM_TIMEOUT:-300}

# The exchange: a folder that both sides see. The guest reads what to do from it and puts output and exit code there.
exchange=$(mktemp -d -t trestle-vm.XXXXXX)
machine='' reader=''
finish() {
	[ -z "$machine" ] || kill "$machine" 2>/dev/null || true
	[ -z "$reader" ] || kill "$reader" 2>/dev/null || true
	wait
	rm -rf "$exchange"
}
trap finish EXIT
trap 'exit 143' INT TERM HUP
cp "$here/guest.sh" "$exchange/guest.sh"
: >"$exchange/output"
printf '%s\0' "$@" >"$exchange/arguments"
{
	declare -p PATH HOME
	printf 'folder=%q modules=%q name=%q out=%q\n' "$PWD" "$kernel/lib/modules" "$(uname -n)" ''
} >"$exchange/settings"

# share TAG FOLDER ACCESS: one folder over 9p. Inode numbers of several file systems are kept apart.
share() { shares+=(-virtfs "local,mount_tag=$1,path=$2,security_model=none,multidevs=remap$3"); }
shares=()
share host / ,readonly=on
share exchange "$exchange" ''
if [ -n "${VM_OUT:-}" ]; then
	mkdir -p "$VM_OUT" && VM_OUT=$(realpath "$VM_OUT")
	share out "$VM_OUT" ''
	printf 'out=%q\n' "$VM_OUT" >>"$exchange/settings"
fi

quiet=3
[ "${VM_VERBOSE:-0}" = 0 ] || quiet=7
# timeout ends the machine, and the death signal ends both if this script is killed outright.
setpriv --pdeathsig TERM timeout -k 2 "$limit" qemu-system-x86_64 \
	-accel tcg,thread=multi -cpu max -smp 2 -m "${VM_MEM:-1024M}" \
	-nodefaults -no-user-config -display none -no-reboot \
	-kernel "$kernel/vmlinuz" -initrd "$kernel/initrd" \
	-append "console=ttyS0 loglevel=$quiet panic=-1 mitigations=off nokaslr norandmaps" \
	-serial "file:$exchange/console" "${shares[@]}" </dev/null >"$exchange/qemu" 2>&1 &
machine=$!
tail -n +1 -s 0.2 -f --pid=$machine "$exchange/output" &
reader=$!
[ "${VM_VERBOSE:-0}" = 0 ] || { touch "$exchange/console" && tail -n +1 -f --pid=$machine "$exchange/console" >&2 & }

rc=0
wait "$machine" || rc=$?
machine=''
wait "$reader" || true # it prints what is still to come, then ends
reader=''
case $rc in 124 | 137)
	printf 'run.sh: stopped after %s s\n' "$limit" >&2
	exit 124
	;;
esac
if [ ! -s "$exchange/code" ]; then
	tail -n 40 "$exchange/qemu" "$exchange/console" >&2 || true
	fail "the machine ended before COMMAND did"
fi
exit "$(cat "$exchange/code")"
