#!/bin/bash
# suite.sh quick|full: the integration suite under Debian's kernels, where a bridge can filter VLANs.
#   quick  6.1 only: the tests that need that kernel, and one of each other kind (6 minutes)
#   full   all tests, on 6.1 and on 6.12 (an hour and more); FILTER... after it narrows them down
# The programs are built here, for the emulated machine is twenty times slower.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../../scripts/lib.sh"
which=${1:-quick}
shift || true
case $which in quick) kernels=('') ;; full) kernels=('' 6.12) ;; *) die "usage: suite.sh quick|full [FILTER...]" ;; esac

"$root/scripts/deps" rust tests vm reference
[ -n "${TRESTLE_BIN:-}" ] || "$root/scripts/build"
cd "$root"
suite=$(cargo test --locked --no-run -p trestle-tests --message-format=json 2>/dev/null |
	jq -r 'select(.reason == "compiler-artifact" and .target.name == "suite" and .executable) | .executable')
[ -x "$suite" ] || cargo test --locked --no-run -p trestle-tests # again, for its words
[ -x "$suite" ] || die "the suite was not built"

# What the quick run takes: all that only this kernel can do, and some of every other kind.
quick='^side::(vlan|trunk|port_isolation|macspoofchk)
^healthy::(vlan|every_key)
^cnitool::shipped::(vlan|dual)
^packets::.*(vlan|trunk|isolat|spoofed|pods_reach|first_packet|node_nftables$|reused.*reachable)
^drift::.*(vlan|trunk|isolation|spoof)
^del::leaves_nothing::.*(masq|spoof).*plugins_810
^gc::table::(list_of_one$|cni_1086)
^status::ready::masq
^parallel::thirty'
# The harness knows one filter; so everything else is named, to be skipped.
arguments=("$@")
if [ "$which" = quick ] && [ $# -eq 0 ]; then
	mapfile -t others < <("$suite" --list 2>/dev/null | sed -n 's/: test$//p' | grep -vE "$quick")
	[ ${#others[@]} -gt 0 ] || die "the suite names no tests"
	arguments=(--exact)
	for test in "${others[@]}"; do arguments+=(--skip "$test"); done
fi

failed=()
for kernel in "${kernels[@]}"; do
	heading "kernel ${kernel:-of the release}"
	start=$SECONDS
	VM_KERNEL=$kernel VM_MEM=2048M VM_TIMEOUT=$([ "$which" = quick ] && echo 1500 || echo 7200) \
		"$root/tests/vm/run.sh" env TRESTLE_BIN="${TRESTLE_BIN:-$bin}" REFERENCE_BIN="$reference" \
		"$suite" "${arguments[@]}" || failed+=("${kernel:-6.1}")
	note "$((SECONDS - start)) s"
done
[ ${#failed[@]} -eq 0 ] || die "failed on kernel ${failed[*]}"
