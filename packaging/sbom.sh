# shellcheck shell=bash
# The bill of materials: CycloneDX 1.6, JSON. Sourced by scripts/dist.
# shellcheck disable=SC2154 # root, work, version, head, release_epoch: scripts/dist

# sbom ARCH PROGRAM
sbom() {
	local arch=$1 program=$2 libc libgcc rustc sum
	read -r -a libc < <(static_library "$arch" c)
	read -r -a libgcc < <(static_library "$arch" gcc)
	rustc=$("$(rust_compiler "$arch")" -V)
	linked "$arch" | jq -R 'split(" ") | "\(.[0]) \(.[1])"' | jq -s . >"$work/linked.json"
	# Cargo.lock's checksums, by "name version".
	awk -F'"' '/^name = /{n=$2} /^version = /{v=$2} /^checksum = /{print n " " v "\t" $2}' "$root/Cargo.lock" |
		jq -R 'split("\t") | { key: .[0], value: .[1] }' | jq -s from_entries >"$work/checksums.json"
	# A serial number that the same content has again.
	sum=$(printf '%s' "$version $head $arch" | sha256sum)
	metadata >/dev/null
	jq -S --slurpfile linked "$work/linked.json" --slurpfile checksums "$work/checksums.json" \
		--arg serial "${sum:0:8}-${sum:8:4}-8${sum:13:3}-8${sum:17:3}-${sum:20:12}" \
		--arg time "$(date -u -d "@$release_epoch" +%FT%TZ)" --arg version "$version" --arg commit "$head" \
		--arg program_commit "$TRESTLE_COMMIT" --arg arch "$arch" --arg target "$(rust_arch "$arch")-unknown-linux-gnu" \
		--arg rustc "$rustc" --arg sha256 "$(sha256sum <"$program" | cut -c1-64)" \
		--arg sha512 "$(sha512sum <"$program" | cut -c1-128)" --arg url "$source_url" \
		--arg libc "${libc[*]}" --arg libgcc "${libgcc[*]}" \
		-f "$root/packaging/sbom.jq" "$work/metadata.json"
}
