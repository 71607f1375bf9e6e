#!/bin/bash
# run.sh [SECONDS [TARGET...]]: each fuzz target for so long (60), from the corpus beside this file; what is
# new goes to target/corpus. Works with a stable compiler, by RUSTC_BOOTSTRAP.
set -euo pipefail
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1
host=$(rustc --print host-tuple)
seconds=${1:-60}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
for target in "${targets[@]}"; do
	mkdir -p "target/corpus/$target"
	cargo fuzz run -s none --target "$host" "$target" "target/corpus/$target" "corpus/$target" -- \
		-max_total_time="$seconds" -print_final_stats=1
done
