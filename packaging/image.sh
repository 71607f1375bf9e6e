# shellcheck shell=bash
# The container image, as an OCI layout in a tar archive, made without a container engine. Sourced by scripts/dist.
# shellcheck disable=SC2154 # root, work, head, version, image_name, out: scripts/lib.sh and scripts/dist

# blob TYPE FILE: stores the file by its digest and prints its descriptor.
blob() {
	local sum
	sum=$(sha256sum <"$2") && sum=${sum%% *}
	install -m 644 "$2" "$layout/blobs/sha256/$sum"
	jq -n -c -S --arg type "$1" --arg digest "sha256:$sum" --argjson size "$(stat -c %s "$2")" \
		'{ mediaType: $type, digest: $digest, size: $size }'
}

# image ARCH...: one image for all of them; the runtime takes that of its node.
image() {
	local layout=$work/layout type=application/vnd.oci.image arch descriptors=() file=trestle-$version-image.tar index
	mkdir -p "$layout/blobs/sha256"
	for arch; do descriptors+=("$(image_of "$arch")"); done
	printf '%s\n' "${descriptors[@]}" | jq -c -S -s --arg type "$type.index.v1+json" \
		'{ schemaVersion: 2, mediaType: $type, manifests: . }' >"$work/index.json"
	index=$(blob "$type.index.v1+json" "$work/index.json")
	# The first name is what containerd calls it, the second what skopeo and podman look for.
	jq -n -c -S --argjson index "$index" --arg name "$image_name" --arg tag "${image_name##*:}" \
		'{ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [
			$index + { annotations: { "io.containerd.image.name": $name, "org.opencontainers.image.ref.name": $tag } }] }' \
		>"$layout/index.json"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$layout/oci-layout"
	pack "$layout" >"$out/$file"
	made+=("$file")
}

# image_of ARCH: the descriptor of its manifest.
image_of() {
	local arch=$1 rootfs=$work/$1/rootfs layer config manifest type=application/vnd.oci.image
	mkdir -p "$rootfs"
	install -m 755 "$work/$arch/trestle" "$rootfs/trestle"
	install -m 644 "$root/LICENSE" "$work/$arch/THIRD-PARTY-LICENSES" "$work/$arch/sbom.cdx.json" "$rootfs"
	pack "$rootfs" >"$work/$arch/layer.tar"
	gzip -n -9 -k "$work/$arch/layer.tar"
	layer=$(blob "$type.layer.v1.tar+gzip" "$work/$arch/layer.tar.gz")
	jq -n -c -S --arg arch "$arch" --arg diff "sha256:$(sha256sum <"$work/$arch/layer.tar" | cut -c1-64)" \
		--arg created "$(date -u -d "@$release_epoch" +%FT%TZ)" --argjson labels "$(image_labels)" \
		'{ architecture: $arch, os: "linux", created: $created,
			config: { User: "0:0", WorkingDir: "/", Entrypoint: ["/trestle"],
				Cmd: ["install", "--dir", "/host/opt/cni/bin"], Labels: $labels },
			rootfs: { type: "layers", diff_ids: [$diff] },
			history: [{ created: $created, created_by: "packaging/image.sh" }] }' >"$work/$arch/config.json"
	config=$(blob "$type.config.v1+json" "$work/$arch/config.json")
	jq -n -c -S --argjson config "$config" --argjson layer "$layer" --argjson labels "$(image_labels)" \
		'{ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config: $config, layers: [$layer],
			annotations: $labels }' >"$work/$arch/manifest.json"
	manifest=$(blob "$type.manifest.v1+json" "$work/$arch/manifest.json")
	jq -c -S --arg arch "$arch" '. + { platform: { os: "linux", architecture: $arch } }' <<<"$manifest"
}

image_labels() {
	jq -n -c --arg version "$version" --arg revision "$head" --arg url "$source_url" --arg created \
		"$(date -u -d "@$release_epoch" +%FT%TZ)" \
		'{ "org.opencontainers.image.title": "Trestle", "org.opencontainers.image.version": $version,
			"org.opencontainers.image.revision": $revision, "org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.source": $url, "org.opencontainers.image.created": $created,
			"org.opencontainers.image.description": "Puts the CNI plugins bridge, host-local and loopback on a node" }'
}

# manifest: the DaemonSet with this image's name in it.
manifest() {
	sed "s|^\( *image: \)localhost/trestle:.*|\1$image_name|" "$root/packaging/kubernetes/trestle.yaml" \
		>"$out/trestle-$version.yaml"
	made+=("trestle-$version.yaml")
}
