# shellcheck shell=bash
# The release archive. Sourced by scripts/dist.
# shellcheck disable=SC2154 # root, plugins, version, out: scripts/lib.sh and scripts/dist

# archive ARCH STAGE: the plugins at the top, as in the reference's archive, hard links of one file.
archive() {
	local stage=$2 dir=$2/archive name file=trestle-$version-linux-$1
	mkdir -p "$dir"
	install -m 755 "$stage/trestle" "$dir/${plugins[0]}"
	for name in "${plugins[@]:1}" trestle; do ln "$dir/${plugins[0]}" "$dir/$name"; done
	install -m 644 "$root/LICENSE" "$stage/THIRD-PARTY-LICENSES" "$stage/sbom.cdx.json" "$dir"
	sed "s/@VERSION@/$version/; s/@COMMIT@/$head/; s|@URL@|$source_url|" "$root/packaging/archive-README.md" \
		>"$dir/README.md"
	pack "$dir" | gzip -n -9 >"$out/$file.tgz"
	install -m 644 "$stage/sbom.cdx.json" "$out/$file.cdx.json"
	made+=("$file.tgz" "$file.cdx.json")
}
