# shellcheck shell=bash
# Names, versions and times of a release. Sourced by scripts/dist.
# shellcheck disable=SC2034,SC2154 # set here for the other parts, and by scripts/dist

# The three ways to name a kind of processor: of releases and containers, of Rust, of .rpm.
go_arch() { case $1 in x86_64) echo amd64 ;; aarch64) echo arm64 ;; *) die "no releases for $1" ;; esac; }
rust_arch() { case $1 in amd64) echo x86_64 ;; arm64) echo aarch64 ;; esac; }

# release_names: version (0.1.0, or 0.1.0-dev.TIME.COMMIT where the commit is not tagged v0.1.0), package_version
# (sorts a dev version before its release), head, release_epoch (the commit's time), SOURCE_DATE_EPOCH.
release_names() {
	local changed
	git -C "$root" rev-parse -q --verify HEAD >/dev/null || die "a release is made from a git commit; here is none"
	changed=$(git -C "$root" status --porcelain)
	if [ -n "$changed" ] && [ -z "$dirty" ]; then
		printf '%s\n' "$changed" | head -n 10 >&2
		die "the working tree has changes; commit them, or say --dirty (make dist ARGS=--dirty)"
	fi
	# The program names the last commit that changed it, which a shallow clone may lack.
	[ "$(git -C "$root" rev-parse --is-shallow-repository)" = false ] || [ -n "$dirty" ] ||
		die "this clone is shallow; git fetch --unshallow, so that the program can name its commit"
	head=$(git -C "$root" rev-parse HEAD)
	release_epoch=$(git -C "$root" log -1 --format=%ct HEAD)
	version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
	if ! git -C "$root" tag --points-at HEAD | grep -qxF "v$version"; then
		version+=-dev.$(date -u -d "@$release_epoch" +%Y%m%d%H%M).${head:0:8}
	fi
	[ -z "$changed" ] || version+=.dirty
	package_version=${version/-/\~}
	image_name=localhost/trestle:$version
	source_url=$(sed -n 's/^repository = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -n 1)
	export SOURCE_DATE_EPOCH=$release_epoch LC_ALL=C TZ=UTC
	umask 022
	say "Trestle $version, commit $head, $(date -u -d "@$release_epoch" +%FT%TZ)"
}

# pack DIR: the folder as a tar archive on stdout, the same bytes for the same content.
pack() {
	tar -C "$1" --format=ustar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$release_epoch" -cf - .
}
