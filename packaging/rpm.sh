# shellcheck shell=bash
# The .rpm. Sourced by scripts/dist.
# shellcheck disable=SC2154 # root, head, package_version, source_url, out: scripts/lib.sh and scripts/dist

# rpm_package ARCH STAGE
rpm_package() {
	local arch dir=$2/rpm tree=$2/rpm-tree file
	arch=$(rust_arch "$1")
	file=trestle-$package_version-1.$arch.rpm
	installed_tree "$tree" "$2"
	install -D -m 644 "$root/packaging/defaults" "$tree/etc/sysconfig/trestle"
	sed -i 's|/etc/default/trestle|/etc/sysconfig/trestle|; s| (Debian: .*)||' "$tree/etc/sysconfig/trestle"
	mkdir -p "$dir/tmp"
	# Times are the commit's, the host has no name, and what distributions do to files after %install is left out.
	rpmbuild --quiet -bb --target "$arch-linux" \
		-D "_topdir $dir" -D "_rpmdir $dir/out" -D "_dbpath $dir/db" -D "_tmppath $dir/tmp" -D "_rpmfilename $file" \
		-D "_release_version $package_version" -D "_source_url $source_url" -D "_commit $head" -D "_tree $tree" \
		-D "use_source_date_epoch_as_buildtime 1" -D "clamp_mtime_to_source_date_epoch 1" \
		-D "source_date_epoch_from_changelog 0" -D "_buildhost reproducible" -D "_build_id_links none" \
		-D "debug_package %{nil}" -D "__os_install_post %{nil}" -D "_binary_payload w9.xzdio" \
		"$root/packaging/rpm/trestle.spec" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; die "rpmbuild failed"; }
	install -m 644 "$dir/out/$file" "$out/$file"
	made+=("$file")
}
