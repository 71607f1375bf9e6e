#!/bin/bash
# image.sh DIR: the image in DIR, read by others, and run. Called by run.sh.
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

# As a runtime runs it: process 1 of its own namespaces, read-only root, no capability but those of the manifest (and
# chroot's, which a runtime does not need).
cp "$reference/bridge" "$rootfs/host/opt/cni/bin/"
run() {
	# shellcheck disable=SC2016 # expanded there
	unshare -m -p -n -i -u --fork --kill-child --propagation private bash -c '
		cd "$0" && mount --bind . . && mount --bind host/opt/cni/bin host/opt/cni/bin && mount -o remount,bind,ro . &&
		cd "$0" && exec setpriv --bounding-set=-all,+sys_chroot,+dac_override --no-new-privs chroot . /trestle "$@"' \
		"$rootfs" "$@"
}
plugins=$rootfs/host/opt/cni/bin
chown 1001:1001 "$plugins" # as the reference's archive leaves it
mkdir "$rootfs/proc" && mount_proc=1
echo '$ install (the image'"'"'s command)'
run install --dir /host/opt/cni/bin
