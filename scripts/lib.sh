# shellcheck shell=bash
# Sourced by every script here: where things are, and how we talk.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck disable=SC2034 # used by the scripts that read this file
{
	cache=$root/.cache               # downloads and programs of others; git ignores it
	bin=$root/bin                    # the finished plugins
	reference=$cache/reference       # the reference plugins and cnitool
	plugins=(bridge host-local loopback)
}

# Colours only for a person at a terminal (NO_COLOR: never).
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' cyan=$'\e[36m' plain=$'\e[0m'
else
	# shellcheck disable=SC2034
	bold='' dim='' red='' green='' yellow='' cyan='' plain=''
fi

say() { printf '%s\n' "$*"; }
heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
warn() { printf '%s%s: %s%s\n' "$yellow" "${0##*/}" "$*" "$plain" >&2; }
die() { printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Tools that scripts/deps unpacks are found after those of the machine.
PATH=$PATH:$cache/go/bin:$cache/tools
# A Go of ours (scripts/deps) keeps its files with it; a Go of the machine keeps its own places.
if [ "$(command -v go || true)" = "$cache/go/bin/go" ]; then
	export GOROOT=$cache/go GOPATH=$cache/gopath GOCACHE=$cache/gocache GOFLAGS=-modcacherw
fi
# rustup's own place, which a shell that has not read its profile lacks.
[ ! -d "${CARGO_HOME:-$HOME/.cargo}/bin" ] || have cargo || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
export PATH

# target_dir: where cargo puts its files, and below it those for this machine's kind of processor.
target_dir() { printf '%s/%s' "${CARGO_TARGET_DIR:-$root/target}" "$(rustc -vV | sed -n 's/^host: //p')"; }

# program_commit: sets TRESTLE_COMMIT, which the program names, to the last commit that changed it: others need no
# new build.
program_commit() {
	local source=(Cargo.toml Cargo.lock .cargo cni-common cni-bridge cni-ipam cni-loopback installer trestle)
	if [ -z "${TRESTLE_COMMIT:-}" ] &&
		TRESTLE_COMMIT=$(git -C "$root" log -1 --abbrev=12 --format=%h -- "${source[@]}" 2>/dev/null); then
		git -C "$root" diff --quiet HEAD -- "${source[@]}" || TRESTLE_COMMIT+=-dirty
	fi
	export TRESTLE_COMMIT=${TRESTLE_COMMIT:-unknown}
}
