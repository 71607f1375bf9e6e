#!/bin/bash
# routes.sh: on every node a route to each other node's pod CIDRs, through that node's address. kindnet does this in a
# kind cluster otherwise. Once after the cluster is made, and again after a node was added or restarted.
# KUBECTL (kubectl --context kind-trestle) and NODE_EXEC (docker exec) say how to reach the cluster and its nodes.
set -euo pipefail
read -r -a kubectl <<<"${KUBECTL:-kubectl --context kind-trestle}"
read -r -a node_exec <<<"${NODE_EXEC:-docker exec}"

# name|pod CIDRs|addresses
nodes=$("${kubectl[@]}" get nodes -o \
	'jsonpath={range .items[*]}{.metadata.name}|{.spec.podCIDRs[*]}|{.status.addresses[?(@.type=="InternalIP")].address}{"\n"}{end}')
[ -n "$nodes" ] || { echo "routes.sh: the cluster has no nodes" >&2 && exit 1; }

family() { if [[ $1 == *:* ]]; then echo 6; else echo 4; fi; }

# via CIDR ADDRESS...: the address of the CIDR's family.
via() {
	local cidr=$1 address
	shift
	for address; do
		[ "$(family "$address")" != "$(family "$cidr")" ] || { echo "$address" && return; }
	done
	return 1
}

while IFS='|' read -r node _ _; do
	while IFS='|' read -r other cidrs addresses; do
		[ "$other" != "$node" ] || continue
		[ -n "$cidrs" ] || echo "routes.sh: $other has no pod CIDR yet" >&2
		for cidr in $cidrs; do
			# shellcheck disable=SC2086 # a list
			gateway=$(via "$cidr" $addresses) || { echo "routes.sh: $other has no address for $cidr" >&2 && exit 1; }
			echo "$node: $cidr via $gateway"
			"${node_exec[@]}" "$node" ip "-$(family "$cidr")" route replace "$cidr" via "$gateway" </dev/null
		done
	done <<<"$nodes"
done <<<"$nodes"
