#!/bin/bash
# packages.sh OLD NEW: the .deb and .rpm of two versions, installed, upgraded and removed in a chroot of this release of
# the distribution, beside packages that own files of the same names. Called by run.sh.
# shellcheck disable=SC2154 # work, kept, reference, here: of run.sh
set -euo pipefail
. /etc/os-release
base=${kept%/*}/dist-root-$VERSION_CODENAME
if [ ! -e "$base/bin/rpm" ] && [ ! -e "$base/usr/bin/rpm" ]; then
	echo "making $base"
	rm -rf "$base"
	debootstrap --variant=minbase --include=rpm "$VERSION_CODENAME" "$base" >"$kept/debootstrap.log" 2>&1 ||
		{ tail -n 5 "$kept/debootstrap.log" && exit 1; }
fi
things=$work/things && mkdir -p "$things"/{old,new}
cp "$1"/*"_$(dpkg --print-architecture).deb" "$1"/*"$(uname -m).rpm" "$things/old"
cp "$2"/*"_$(dpkg --print-architecture).deb" "$2"/*"$(uname -m).rpm" "$things/new"

# Debian's own plugins, and what stands for kubernetes-cni: same name, same files, the reference's programs.
(cd "$things" && apt-get -qq -o APT::Sandbox::User=root download containernetworking-plugins)
for version in 1.4.0 1.5.0; do
	tree=$work/kubernetes-cni-$version && mkdir -p "$tree/opt/cni/bin" "$work/rpm-$version"
	for name in bridge host-local loopback portmap; do
		cp "$reference/$name" "$tree/opt/cni/bin/"
		printf '%s' "$version" >>"$tree/opt/cni/bin/$name" # the loader does not look there
	done
	cat >"$work/kubernetes-cni.spec" <<-'SPEC'
		Name: kubernetes-cni
		Version: %{v}
		Release: 1
		Summary: Stands for the real one
		License: Apache-2.0
		AutoReqProv: no
		%description
		Stands for the real one.
		%install
		cp -a %{tree}/. %{buildroot}/
		%files
		/opt/cni/bin/*
	SPEC
	rpmbuild --quiet -bb -D "_topdir $work/rpm-$version" -D "_rpmdir $things" -D "_rpmfilename kubernetes-cni-$version.rpm" \
		-D "_dbpath $work/rpm-$version/db" -D "__os_install_post %{nil}" -D "debug_package %{nil}" -D "_build_id_links none" \
		-D "v $version" -D "tree $tree" "$work/kubernetes-cni.spec" >/dev/null
	mkdir "$tree/DEBIAN"
	printf '%s\n' "Package: kubernetes-cni" "Version: $version" "Architecture: all" "Maintainer: nobody" \
		"Description: stands for the real one" >"$tree/DEBIAN/control"
	dpkg-deb --root-owner-group -Znone --build "$tree" "$things/kubernetes-cni_$version.deb" >/dev/null
done

for kind in deb rpm; do
	printf '\n--- .%s, in a chroot\n' "$kind"
	# The chroot's changes are in memory and go with the namespace. A pid namespace: nothing outlives it either.
	# shellcheck disable=SC2016
	unshare -m -n -p --fork --kill-child --propagation private bash -ec '
		mkdir -p "$2/top" && mount -t tmpfs none "$2/top" && mkdir "$2"/top/{upper,work,root}
		mount -t overlay -o "lowerdir=$1,upperdir=$2/top/upper,workdir=$2/top/work" none "$2/top/root"
		cd "$2/top/root" && mkdir test && cp -r "$2"/things "$3"/said.sh "$3/in-$4.sh" test && mount -t proc proc proc
		[ -c dev/null ] || mknod -m 666 dev/null c 1 3
		exec chroot . env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive bash "/test/in-$4.sh"
	' - "$base" "$work" "$here" "$kind"
done
