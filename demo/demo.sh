#!/bin/bash
# demo.sh: a node, two pods and a host outside, made of network namespaces, and what the plugins do there.
# Everything happens in namespaces that end with this script, however it ends; the host is compared
# before and after. PLUGINS=DIR: another folder of plugins (the reference's, say) instead of building ours.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
say "${bold}Trestle demo${plain}: two pods on one bridge, IPv4 and IPv6, masqueraded"
"$root/scripts/deps" net
if [ -n "${PLUGINS:-}" ]; then
	PLUGINS=$(realpath "$PLUGINS")
	note "plugins of $PLUGINS"
else
	"$root/scripts/build"
	PLUGINS=$bin
fi
export PLUGINS

# host_state: what a plugin could have changed here. Lifetimes of addresses and routes run by themselves.
host_state() {
	ip -j addr | jq -S 'del(.. | .valid_life_time?, .preferred_life_time?)'
	{ ip route show table all; ip -6 route show table all; } | sed 's/ expires [0-9]*sec//'
	nft list ruleset 2>/dev/null || true
	cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
	ls -lR /var/lib/cni /run/netns /run/cni /etc/cni /opt/cni 2>/dev/null || true
}

before=$(host_state)
start=$SECONDS
namespaces=(--net --mount --pid --ipc --uts --fork --kill-child --mount-proc --propagation private)
[ "$(id -u)" = 0 ] || namespaces+=(--user --map-root-user)
rc=0
trap 'rc=130' INT TERM HUP # the node ends by the same signal; here goes on what compares the host
setpriv --pdeathsig KILL unshare "${namespaces[@]}" "$root/demo/node.sh" || rc=$?
trap - INT TERM HUP
after=$(host_state)
if [ "$before" != "$after" ]; then
	diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") || true
	die "this machine's own network is not as it was (lines above)"
fi
say "This machine's own links, addresses, routes, rules, sysctls and files: ${green}as before${plain}."
[ $rc -ne 130 ] || { say "Interrupted."; exit 130; }
[ $rc -eq 0 ] || die "the demo did not go as it should (exit code $rc)"
say "${bold}Done${plain} in $((SECONDS - start)) s."
