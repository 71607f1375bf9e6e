# shellcheck shell=bash
# What is linked in the program, and under which licences. Sourced by scripts/dist.
# shellcheck disable=SC2154 # root: scripts/lib.sh

# linked ARCH: "name version licence" of every crate in the program, sorted. Cargo's tree knows the features and the
# kind of processor; what runs only in the compiler is left out.
linked() {
	cargo tree -q --locked -p trestle -e normal,no-proc-macro --target "$(rust_arch "$1")-unknown-linux-gnu" \
		--prefix none -f '{p}|{l}' | sed 's/ (\*)$//; s/ ([^|]*)|/|/; s/ v\([^|]*\)|/ \1 /; s:/: OR :' | sort -u
}

# licences ARCH: the list, then every licence text once, with the crates that carry it.
licences() {
	local arch=$1 libc libgcc
	libc=$(static_library "$arch" c) libgcc=$(static_library "$arch" gcc)
	cat <<-TEXT
	Trestle is under the Apache License 2.0, see LICENSE. The program also holds the following, each under the
	licence beside it. Their texts come after the list.

	TEXT
	linked "$arch" | while read -r name number licence; do
		[ -d "$root/$name" ] || [ "$name" = trestle-installer ] || printf '%-28s %-10s %s\n' "$name" "$number" "$licence"
	done
	printf '%-28s %-10s %s\n' "Rust standard library" "$("$(rust_compiler "$arch")" -V | cut -d' ' -f2)" "MIT OR Apache-2.0"
	cat <<-TEXT
	GNU C Library (${libc/ / of Debian, }): LGPL-2.1-or-later
	GCC runtime library (${libgcc/ / of Debian, }): GPL-3.0-or-later WITH GCC-exception-3.1

	The GNU C Library is linked statically. To link the program with another one: the source is at $source_url,
	commit $head; \`make build\` there links it with the libc.a of your machine.
	TEXT
	licence_texts "$arch"
	printf '\n%s\nGNU C Library\n%s\n\n' "$(line)" "$(line)"
	cat /usr/share/common-licenses/LGPL-2.1
}

line() { printf '%078d' 0 | tr 0 -; }

# licence_texts ARCH: equal texts are given once.
licence_texts() {
	local name number licence dir file sum
	declare -A text crates
	local order=()
	while read -r name number licence; do
		dir=$(crate_dir "$name" "$number")
		[[ $dir != "$root"/* ]] || continue
		for file in "$dir"/{LICENSE,LICENCE,COPYING,COPYRIGHT,NOTICE,license}*; do
			[ -f "$file" ] || continue
			sum=$(sha256sum <"$file")
			[ -n "${text[$sum]:-}" ] || order+=("$sum")
			text[$sum]=$file
			crates[$sum]+="${crates[$sum]:+, }$name"
		done
		[[ ${crates[*]} =~ (^|[, ])$name($|[, ]) ]] || die "no licence text in $name $number ($licence)"
	done < <(linked "$1")
	for sum in "${order[@]}"; do
		printf '\n%s\n%s\n%s\n\n' "$(line)" "$(fold -s -w 78 <<<"${crates[$sum]}" | sed 's/ $//')" "$(line)"
		cat "${text[$sum]}"
	done
}

# crate_dir NAME VERSION: its source.
crate_dir() {
	[ -e "$work/crate-dirs" ] || jq -r '.packages[] | "\(.name) \(.version) \(.manifest_path | sub("/Cargo.toml$"; ""))"' \
		<(metadata) >"$work/crate-dirs"
	sed -n "s/^$1 ${2//./\\.} //p" "$work/crate-dirs"
}

# metadata: what cargo knows of all crates, asked once.
metadata() {
	[ -e "$work/metadata.json" ] || cargo metadata --locked --format-version 1 >"$work/metadata.json"
	cat "$work/metadata.json"
}
