# shellcheck shell=bash
# The .deb. Sourced by scripts/dist.
# shellcheck disable=SC2154 # root, head, package_version, source_url, out: scripts/lib.sh and scripts/dist

# installed_tree DIR STAGE: what .deb and .rpm both put on a node. The program is not packed below /opt/cni/bin: no
# package could own a file there that kubernetes-cni owns too. The package's scripts put it there.
installed_tree() {
	local dir=$1 stage=$2 doc=$1/usr/share/doc/trestle
	install -D -m 755 "$stage/trestle" "$dir/usr/lib/trestle/trestle"
	install -D -m 755 "$root/packaging/node.sh" "$dir/usr/lib/trestle/node"
	mkdir -p "$dir/opt/cni/bin" # owned as a folder, so that it goes with the last package that had it
	mkdir -p "$dir/usr/sbin" && ln -s ../lib/trestle/trestle "$dir/usr/sbin/trestle"
	install -D -m 644 -t "$doc" "$root/LICENSE" "$root/README.md" "$root/CHANGELOG.md" "$stage/THIRD-PARTY-LICENSES" \
		"$stage/sbom.cdx.json"
	printf '%s\n' "$head" >"$doc/COMMIT"
	install -D -m 644 -t "$doc/examples" "$root"/conf/*.conflist
}

# deb ARCH STAGE
deb() {
	local arch=$1 stage=$2 dir=$2/deb file=trestle_${package_version}_$1.deb
	installed_tree "$dir" "$stage"
	install -D -m 644 "$root/packaging/defaults" "$dir/etc/default/trestle"
	# Debian's policy wants the licence in this file and the log compressed.
	{
		printf 'Trestle %s, %s\nCopyright: the Trestle authors. The licences of what is linked in: THIRD-PARTY-LICENSES.\n\n' \
			"$version" "$source_url"
		cat "$root/LICENSE"
	} >"$dir/usr/share/doc/trestle/copyright"
	rm "$dir/usr/share/doc/trestle/LICENSE"
	gzip -n -9 "$dir/usr/share/doc/trestle/CHANGELOG.md" "$dir/usr/share/doc/trestle/THIRD-PARTY-LICENSES"
	mv "$dir/usr/share/doc/trestle/CHANGELOG.md.gz" "$dir/usr/share/doc/trestle/changelog.gz"
	mkdir "$dir/DEBIAN"
	sed "s/@VERSION@/$package_version-1/; s/@ARCH@/$arch/; s|@URL@|$source_url|; s/@COMMIT@/$head/
		s/@SIZE@/$(du -sk --apparent-size "$dir" | cut -f1)/" "$root/packaging/deb/control" >"$dir/DEBIAN/control"
	install -m 755 "$root"/packaging/deb/{postinst,prerm} "$dir/DEBIAN"
	echo /etc/default/trestle >"$dir/DEBIAN/conffiles"
	(cd "$dir" && find usr etc -type f | sort | xargs md5sum >DEBIAN/md5sums)
	# dpkg-deb takes its times from SOURCE_DATE_EPOCH. The folders' modes are the umask's.
	dpkg-deb --root-owner-group -Zxz --build "$dir" "$out/$file" >/dev/null
	made+=("$file")
}
