# shellcheck shell=bash
# The program for one kind of processor. Sourced by scripts/dist.
# shellcheck disable=SC2154 # root, cache: scripts/lib.sh

# build_program ARCH FILE. In a target folder of its own: the flags are not those of `make build`.
build_program() {
	local arch=$1 to=$2 target cargo_home cross=() remap target_dir rustc
	target=$(rust_arch "$arch")-unknown-linux-gnu
	target_dir=${CARGO_TARGET_DIR:-$root/target}/dist
	cargo_home=${CARGO_HOME:-$HOME/.cargo}
	program_commit
	# Panic messages carry the paths of sources; they must not tell where this was built. The last that fits counts.
	remap="\"--remap-path-prefix=$root=/trestle\", \"--remap-path-prefix=$target_dir=/target\""
	remap+=", \"--remap-path-prefix=$cargo_home/registry/src=/crates\""
	rustc=$(rust_compiler "$arch")
	[ "$arch" = "$here" ] || cross=("CARGO_TARGET_$(tr a-z- A-Z_ <<<"$target")_LINKER=$(c_compiler "$arch")")
	say "building for $target ($("$rustc" -V))"
	# env -u: flags of the caller's environment would replace those of .cargo/config.toml.
	env -u RUSTFLAGS -u CARGO_ENCODED_RUSTFLAGS RUSTC="$rustc" CARGO_TARGET_DIR="$target_dir" \
		CARGO_INCREMENTAL=0 "${cross[@]}" cargo build -q --release --locked -p trestle --target "$target" --config "target.$target.rustflags=[$remap]"
	install -m 755 "$target_dir/$target/release/trestle" "$to"
}

# rust_compiler ARCH, c_compiler ARCH: what builds and links it. For another kind of processor than this machine's
# scripts/deps may have fetched a compiler.
rust_compiler() { if [ -x "$cache/cross-$1/rustc" ]; then echo "$cache/cross-$1/rustc"; else echo rustc; fi; }
c_compiler() { if [ "$1" = "$here" ]; then echo cc; else echo "$(rust_arch "$1")-linux-gnu-gcc"; fi; }

# static_library ARCH NAME: "package version" of the machine's package that holds libNAME.a, which was linked.
static_library() {
	local file package
	file=$(realpath "$("$(c_compiler "$1")" -print-file-name="lib$2.a")")
	package=$(dpkg-query -S "$file" 2>/dev/null | head -n 1) || package=
	package=${package%%: *} # "libc6-dev:amd64: /usr/lib/..."
	[ -n "$package" ] || die "which package $file comes from cannot be told, and the bill of materials must name it"
	dpkg-query -W -f '${binary:Package} ${Version}\n' "$package" | sed 's/^\([^ :]*\):[^ ]*/\1/'
}
