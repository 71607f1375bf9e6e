#!/bin/bash
# image.sh DIR: the image in DIR, read by others, and run. Called by run.sh.
# shellcheck disable=SC2154 # work, reference: of run.sh
set -euo pipefail
# shellcheck source=packaging/test/said.sh
. "$(dirname "$0")/said.sh"
image=$(ls "$1"/*-image.tar)
layout=$work/image && mkdir -p "$layout" && tar -C "$layout" -xf "$image"

# Every blob is what its name says, and every digest in every document leads to a blob of the size it says.
(cd "$layout/blobs/sha256" && for f in *; do echo "$f  $f"; done | sha256sum -c --quiet)
while read -r digest size; do
	[ "$(stat -c %s "$layout/blobs/sha256/${digest#sha256:}")" = "$size" ]
done < <(for f in "$layout"/index.json "$layout"/blobs/sha256/*; do
	jq -r '.. | objects | select(.digest and .size) | "\(.digest) \(.size)"' "$f" 2>/dev/null || true
done)
echo "$(find "$layout/blobs" -type f | wc -l) blobs, digests and sizes right"

said skopeo inspect --format '{{.Architecture}} {{index .Labels "org.opencontainers.image.version"}} {{index .Labels "org.opencontainers.image.revision"}}' "oci-archive:$image"
skopeo copy -q "oci-archive:$image" "dir:$work/copied"
rootfs=$work/rootfs && mkdir -p "$rootfs/host/opt/cni/bin"
tar -C "$rootfs" -xzf "$work/copied/$(jq -r '.layers[0].digest | sub("sha256:"; "")' "$work/copied/manifest.json")"
said ls "$rootfs"

# As a runtime runs it: process 1 of its own namespaces, root read-only, no capability but the manifest's (and the one
# for chroot, which a runtime does not need).
run() {
	# shellcheck disable=SC2016 # expanded there
	unshare -m -p -n -i -u --fork --kill-child --propagation private bash -c '
		cd "$0" && mount --bind . . && cd "$0" && mount --bind host/opt/cni/bin host/opt/cni/bin &&
		mount -t proc proc proc && mount -o remount,bind,ro . &&
		exec setpriv --bounding-set=-all,+sys_chroot,+dac_override --no-new-privs chroot . /trestle "$@"' "$rootfs" "$@"
}
container() { # a container with these arguments, told.
	echo "\$ trestle $*"
	run "$@"
}
plugins=$rootfs/host/opt/cni/bin
mkdir "$rootfs/proc"
cp "$reference/bridge" "$plugins/"
chown 1001:1001 "$plugins" # as the reference's archive leaves the folder
container install --dir /host/opt/cni/bin
said ls -i -l "$plugins"
cmp "$plugins/bridge.before-trestle" "$reference/bridge"
cmp "$plugins/host-local" "$rootfs/trestle"
inode=$(stat -c %i "$plugins/bridge")
container install --dir /host/opt/cni/bin
expect "a second run leaves the file alone" "$(stat -c %i "$plugins/bridge")" "$inode"

# wait: no system call while it waits, and gone at once when told.
run wait &
for _ in $(seq 100); do
	child=$(pgrep -P "$(pgrep -P $!)" -x trestle) && break
	sleep 0.1
done
state() { grep -E '^(State|voluntary_ctxt|nonvoluntary_ctxt|VmRSS)' "/proc/$child/status"; }
said state
before=$(state)
sleep 2
expect "it sleeps" "$(state)" "$before"
said kill -TERM "$child"
wait $! || { echo "it did not end well: $?"; exit 1; }
container remove --dir /host/opt/cni/bin
expect "the folder is as before" "$(ls "$plugins")" bridge
cmp "$plugins/bridge" "$reference/bridge"
