#!/bin/bash
# prepare.sh FOLDER: puts a Debian kernel, its network modules and a first file system for it into FOLDER,
# once. The folder's name says which: "stable" is the release's own, "6.12" that series from its backports.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
[ $# -eq 1 ] || die "usage: prepare.sh FOLDER"
folder=$1 series=${1##*/}
[ "$(uname -m)" = x86_64 ] || die "only for x86_64 so far"
"$root/scripts/deps" vm
# ready: there, and not made by an older form of these files.
ready() { [ "$folder/initrd" -nt "$root/tests/vm/init" ] && [ "$folder/initrd" -nt "$root/tests/vm/prepare.sh" ]; }
ready && exit 0
mkdir -p "${folder%/*}"
exec 8>"$folder.lock" && flock 8
ready && exit 0

stage=$(mktemp -d "${folder%/*}/new.XXXXXX")
trap 'rm -rf "$stage"' EXIT
chmod 755 "$stage" && cd "$stage"
apt=(-qq -o APT::Sandbox::User=root)
apt-get "${apt[@]}" update

# backports: apt's options for reading the release's backports alone, its lists kept in here.
backports() {
	local release address
	release=$(. /etc/os-release && echo "$VERSION_CODENAME")
	address=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' "Codename: $release" | head -n 1)
	[ -n "$address" ] || die "apt does not say where $release comes from"
	mkdir -p lists/partial
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $address $release-backports main" >sources
	apt+=(-o "Dir::Etc::SourceList=$stage/sources" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$stage/lists" -o "Dir::Cache=$stage/aptcache")
	apt-get "${apt[@]}" update
}
apt-get "${apt[@]}" download busybox-static
[ "$series" = stable ] || backports
image=$(apt-cache "${apt[@]}" depends linux-image-amd64 | awk '/Depends:/ { print $2; exit }')
[[ $series == stable || $image == linux-image-$series* ]] || die "Debian has no $series kernel here, only $image"
say "fetching $image into ${folder#"$root/"}"
apt-get "${apt[@]}" download "$image"
for package in ./*.deb; do dpkg-deb -x "$package" unpacked; done
version=$(ls unpacked/lib/modules)

# Of the modules only what networks and these file systems need, unpacked: loading them is then quick.
for part in arch crypto lib net fs/{9p,netfs,fscache,overlayfs} drivers/{virtio,net}; do
	[ -d "unpacked/lib/modules/$version/kernel/$part" ] || continue
	mkdir -p "lib/modules/$version/kernel/$(dirname "$part")"
	cp -r "unpacked/lib/modules/$version/kernel/$part" "lib/modules/$version/kernel/$part"
done
rm -rf "lib/modules/$version/kernel/drivers/net"/{ethernet,wireless,usb,can,phy,wwan}
cp "unpacked/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "lib/modules/$version/"
find lib -name '*.ko.xz' -exec xz -d {} +
depmod -b . "$version"
cp "unpacked/boot/vmlinuz-$version" vmlinuz

mkdir -p first/{bin,modules,below,memory,root}
cp unpacked/bin/busybox first/bin/
cp "$root/tests/vm/init" first/init
chmod 755 first/init
for module in virtio_pci 9pnet_virtio 9p overlay; do
	modprobe -d . -S "$version" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
	cp "$file" first/modules/ && basename "$file"
done >order
mv order first/modules/order
(cd first && find . | cpio --quiet -o -H newc) >initrd
rm -rf unpacked first lists sources aptcache ./*.deb
rm -rf "$folder" && cd / && mv "$stage" "$folder"
