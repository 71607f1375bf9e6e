#!/bin/bash
# shellcheck disable=SC2034,SC2154 # what packaging/*.sh read and set
# layout.sh: the cheap part, for `make test`: everything of `make dist` but the build, with a file in the program's
# place, twice; what is in it, and that it is the same bytes. And the routes of conf/kind, with answers made up.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=packaging/test/said.sh
. "$root/packaging/test/said.sh"
for part in common program licences sbom archive deb rpm image; do
	# shellcheck source=/dev/null
	. "$root/packaging/$part.sh"
done
for tool in jq dpkg-deb; do have "$tool" || { say "left out: no $tool here" && exit 0; }; done
# shellcheck disable=SC2034 # read by the parts
here=$(go_arch "$(uname -m)") dirty=1
scratch=$(mktemp -d -t trestle-layout.XXXXXX)
trap 'rm -rf "$scratch"' EXIT
cd "$root"
release_names >/dev/null
program_commit

for run in first second/run; do
	[ $run = first ] || sleep 1.1 # so that a time that gets in shows
	work=$scratch/$run/work out=$scratch/$run/out made=() stage=$scratch/$run/work/$here
	mkdir -p "$stage" "$out"
	printf 'the program' >"$stage/trestle" && chmod 755 "$stage/trestle"
	licences "$here" >"$stage/THIRD-PARTY-LICENSES"
	sbom "$here" "$stage/trestle" >"$stage/sbom.cdx.json"
	archive "$here" "$stage"
	deb "$here" "$stage"
	! have rpmbuild || rpm_package "$here" "$stage"
	image "$here"
	manifest
done
expect "the same bytes twice" "$(cd "$scratch/second/run/out" && sha256sum -- *)" "$(cd "$scratch/first/out" && sha256sum -- *)"

list=$(tar -tvzf "$out/trestle-$version-linux-$here.tgz" | awk '{print $1, $2, $6, $9}' | sed 's/ $//')
expect "the archive" "$list" "drwxr-xr-x 0/0 ./
-rw-r--r-- 0/0 ./LICENSE
-rw-r--r-- 0/0 ./README.md
-rw-r--r-- 0/0 ./THIRD-PARTY-LICENSES
-rwxr-xr-x 0/0 ./bridge
hrwxr-xr-x 0/0 ./host-local ./bridge
hrwxr-xr-x 0/0 ./loopback ./bridge
-rw-r--r-- 0/0 ./sbom.cdx.json
hrwxr-xr-x 0/0 ./trestle ./bridge"

sbom=$stage/sbom.cdx.json
expect "every crate of the program has licence, address and checksum" "$(jq -r '[.components[]
	| select(.purl // "" | startswith("pkg:cargo/")) | select(.licenses and .hashes[0].content)] | length' "$sbom")" \
	"$(linked "$here" | awk '{print $1}' | while read -r name; do [ -d "$name" ] || [ "$name" = trestle-installer ] || echo "$name"; done | wc -l)"
expect "every dependency is a component" "$(jq -r '[.components[]["bom-ref"], .metadata.component["bom-ref"]] as $all
	| [.dependencies[] | .ref, .dependsOn[]] - $all | join(" ")' "$sbom")" ""
expect "every component is somebody's dependency" "$(jq -r '[.dependencies[].dependsOn[]] as $used
	| [.components[]["bom-ref"]] - $used | join(" ")' "$sbom")" ""
expect "no compiler's crate is called a part" "$(jq -r '.components[].name | select(. == "syn" or . == "serde_derive")' "$sbom")" ""

expect "the DaemonSet has the image's name" "$(sed -n 's/^ *image: //p' "$out/trestle-$version.yaml" | sort -u)" \
	"$(tar -xOf "$out/trestle-$version-image.tar" ./index.json | jq -r '.manifests[0].annotations["io.containerd.image.name"]')"

# A cluster of two families and one of one, as kubectl tells them.
routes() {
	rm -f "$scratch/reached"
	printf '#!/bin/bash\nprintf "%%s\\\\n" %s\n' "$(printf "'%s' " "$@")" >"$scratch/kubectl"
	printf '#!/bin/bash\necho "$*" >>"%s"\n' "$scratch/reached" >"$scratch/reach"
	chmod +x "$scratch/kubectl" "$scratch/reach"
	KUBECTL=$scratch/kubectl NODE_EXEC=$scratch/reach conf/kind/routes.sh >/dev/null
	cat "$scratch/reached"
}
expect "routes of both families" "$(routes 'a|10.244.0.0/24 fd00:244::/64|172.18.0.2 fc00::2' 'b|10.244.1.0/24 fd00:244:0:1::/64|172.18.0.3 fc00::3')" \
	"a ip -4 route replace 10.244.1.0/24 via 172.18.0.3
a ip -6 route replace fd00:244:0:1::/64 via fc00::3
b ip -4 route replace 10.244.0.0/24 via 172.18.0.2
b ip -6 route replace fd00:244::/64 via fc00::2"
expect "a node without address of that family" "$( (routes 'a|10.244.0.0/24|172.18.0.2' 'b|fd00::/64|172.18.0.3') 2>&1 | head -n 1)" \
	"routes.sh: b has no address for fd00::/64"
say "archive, packages, bill of materials, image and routes as they should be"
