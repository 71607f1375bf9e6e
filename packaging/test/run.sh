#!/bin/bash
# run.sh [--arch amd64|arm64|all]: what `make dist` makes, tried. Transcripts stay in .cache/dist-test.
#   reproducible  two clones in different folders, with different target folders: the same bytes
#   emulated      with --arch all: the arm64 program, by qemu
#   image         its digests; read by skopeo; installs, installs again, and is told to end
#   packages      .deb and .rpm installed, upgraded, removed in a chroot, beside packages with files of the same names
# Everything happens in namespaces of its own and below .cache; the machine's packages and /opt are not touched.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
# shellcheck source=packaging/test/said.sh
. "$root/packaging/test/said.sh"
"$root/scripts/deps" rust dist-tests reference
kept=$cache/dist-test
rm -rf "$kept" && mkdir -p "$kept"
work=$(mktemp -d -t trestle-dist-test.XXXXXX)
trap 'rm -rf "$work"' EXIT
export here=$root/packaging/test reference kept work
args=("$@")

# twice: two clones of this commit, dist in each, all sums compared.
twice() {
	local commit
	commit=$(git -C "$root" rev-parse HEAD)
	for place in first/trestle second/deeper/clone; do
		git clone -q --no-hardlinks "$root" "$work/$place"
		git -C "$work/$place" checkout -q "$commit"
		# What was fetched once need not be fetched again.
		mkdir -p "$work/$place/.cache"
		for cross in "$cache"/cross-*; do [ ! -d "$cross" ] || ln -s "$cross" "$work/$place/.cache/"; done
		say "\$ cd $place && make dist ${args[*]}"
		CARGO_TARGET_DIR=$work/target-${place%%/*} "$work/$place/scripts/dist" "${args[@]}"
	done
	(cd "$work/first/trestle/dist" && sha512sum -- *) >"$work/first.sums"
	(cd "$work/second/deeper/clone/dist" && sha512sum -- *) >"$work/second.sums"
	diff "$work/first.sums" "$work/second.sums" || die "the two builds differ"
	say "$(wc -l <"$work/first.sums") files, equal in both:"
	sed 's/^\(.\{24\}\)[^ ]*/\1.../' "$work/first.sums"
	# A tree with changes is refused, and says why.
	echo >"$work/first/trestle/stray"
	if "$work/first/trestle/scripts/dist" --out "$work/never" >"$work/refused" 2>&1; then die "a dirty tree was not refused"; fi
	tail -n 1 "$work/refused"
	rm "$work/first/trestle/stray"
}

# later: a second version, from a commit that changes the program and is tagged as a release.
later() {
	local clone=$work/first/trestle
	mv "$clone/dist" "$work/old"
	echo '# later' >>"$clone/installer/Cargo.toml"
	git -C "$clone" -c user.name=test -c user.email=test@localhost commit -q -a -m later
	git -C "$clone" tag v"$(sed -n 's/^version = "\(.*\)"/\1/p' "$clone/Cargo.toml" | head -n 1)"
	CARGO_TARGET_DIR=$work/target-first "$clone/scripts/dist"
	mv "$clone/dist" "$work/new"
}

# emulated: the other kind of processor's program, run by qemu: what it says, and an address leased and given back.
emulated() {
	local dir=$work/emulated conf='{"cniVersion":"1.1.0","name":"net","type":"host-local","ipam":{"type":"host-local","subnet":"10.1.2.0/24","dataDir":"'
	conf+=$dir'/leases"}}'
	mkdir -p "$dir" && tar -C "$dir" -xzf "$work"/first/trestle/dist/*-linux-arm64.tgz
	said file -b "$dir/bridge"
	said qemu-aarch64 "$dir/bridge" --version
	export CNI_CONTAINERID=a CNI_NETNS=/var/run/netns/a CNI_IFNAME=eth0 CNI_PATH=$dir
	CNI_COMMAND=ADD said qemu-aarch64 "$dir/host-local" <<<"$conf"
	expect "a lease" "$(head -n 1 "$dir/leases/net/10.1.2.2" | tr -d '\r')" a
	CNI_COMMAND=DEL said qemu-aarch64 "$dir/host-local" <<<"$conf"
	[ ! -e "$dir/leases/net/10.1.2.2" ] || die "the lease is still there"
}

part() { # NAME COMMAND...: with a transcript.
	local name=$1 start=$SECONDS
	shift
	heading "$name"
	(set -e; "$@") 2>&1 | tee "$kept/$name.txt"
	say "${green}ok${plain} $name ($((SECONDS - start)) s)"
}

part reproducible twice
if [ -e "$(echo "$work"/first/trestle/dist/*-linux-arm64.tgz)" ] && [ "$(uname -m)" = x86_64 ]; then
	"$root/scripts/deps" emulation
	part emulated emulated
fi
part image "$here/image.sh" "$work/first/trestle/dist"
part later later
part packages "$here/packages.sh" "$work/old" "$work/new"
say "transcripts: ${kept#"$root"/}"
