#!/bin/bash
# node.sh: what happens on the demo's node. Started by demo.sh as process 1 of namespaces of its own.
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/../scripts/lib.sh"
trap 'exit 130' INT TERM HUP # as process 1 it would not hear them otherwise
mount -t tmpfs tmpfs /run && mkdir -p /run/netns /run/demo && cd /run/demo
log=/run/demo/cni.log
failures=0

# --- how things are said -------------------------------------------------------------------------------
step_number=0
step() { step_number=$((step_number + 1)); printf '\n%s%d  %s%s\n' "$bold$cyan" "$step_number" "$*" "$plain"; }
indent() { sed 's/^/     /'; }
command_shown() { printf '   %s$ %s%s\n' "$dim" "$*" "$plain"; }
good() { printf '   %s✓%s %s\n' "$green" "$plain" "$*" | plain_text; }
bad() { failures=$((failures + 1)); printf '   %s✗ %s%s\n' "$red" "$*" "$plain" | plain_text; }
expect() { # WORDS COMMAND...: the command's success is the result
	local words=$1
	shift
	if "$@" >/dev/null 2>&1; then good "$words"; else bad "$words"; fi
}
# plain_text: line drawing as ASCII where the terminal is not known to understand more.
case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
*[Uu][Tt][Ff]*8*) plain_text() { cat; } ;;
*) plain_text() { sed -E 's/✓/ok/g; s/✗/NOT/g; s/┌|┐|└|┘|┬|┴|┼/+/g; s/─/-/g; s/│/|/g; s/→/->/g'; } ;;
esac
json() { if [ -n "$bold" ]; then jq -C "$@"; else jq "$@"; fi; }

# --- what a runtime does: environment, configuration on standard input, JSON back ----------------------
conf=$(jq '.plugins[0] + { cniVersion, name: "demo" } | .bridge = "demo0" | .ipam.dataDir = "/run/cni/networks"' \
	"$root/conf/dual-stack.conflist")
leases=/run/cni/networks/demo

# cni VERB POD [NETNS]: calls the plugin; its answer in ./answer, the time taken in $took (ms).
cni() {
	local verb=$1 pod=$2 netns=${3-/run/netns/$2} stdin=$conf from rc=0
	[ "$verb" = ADD ] || [ ! -s "$pod.result" ] || stdin=$(jq --slurpfile r "$pod.result" '. + { prevResult: $r[0] }' <<<"$conf")
	from=${EPOCHREALTIME/./}
	env CNI_COMMAND="$verb" CNI_CONTAINERID="demo-$pod" CNI_NETNS="$netns" CNI_IFNAME=eth0 CNI_PATH="$PLUGINS" \
		CNI_LOG_FILE="$log" CNI_LOG_LEVEL=debug "$PLUGINS/bridge" <<<"$stdin" >answer 2>stderr || rc=$?
	took=$(((${EPOCHREALTIME/./} - from) / 1000))
	[ "$verb" != ADD ] || [ $rc -ne 0 ] || cp answer "$pod.result"
	return $rc
}

# add POD: a namespace, and ADD. The log's new lines go to ./new-log.
add() {
	local seen
	seen=$(stat -c %s "$log" 2>/dev/null || echo 0)
	ip netns add "$1"
	if cni ADD "$1"; then
		good "ADD $1: $(addresses "$1") in $took ms"
	else
		bad "ADD $1: $(jq -r '"code \(.code): \(.msg) \(.details // "")"' answer)"
	fi
	tail -c "+$((seen + 1))" "$log" >new-log 2>/dev/null || : >new-log
}
addresses() { jq -r '[.ips[].address] | join(" and ")' "$1.result"; }
address() { jq -r --arg f "$2" '[.ips[].address | select(contains(":") == ($f == "6"))][0] // ""' "$1.result"; }
host_link() { jq -r '[.interfaces[] | select((.sandbox // "") == "" and (.name | startswith("veth"))).name][0]' "$1.result"; }
plan() { grep -oE '\b(host|container) (link|addr|address|route|sysctl|masquerade|spoof|nft|table|chain|neigh|vlan|port)\b[^"]*' new-log | awk '!seen[$0]++'; }

check() { # POD: CHECK must be content
	if cni CHECK "$1"; then good "CHECK $1: as it should be ($took ms)"; else bad "CHECK $1: $(jq -r .msg answer)"; fi
}
check_names() { # POD PATTERN: CHECK must fail and its answer must name PATTERN
	if cni CHECK "$1"; then
		bad "CHECK $1 found nothing"
	else
		if jq -e --arg p "$2" '(.msg + " " + (.details // "")) | contains($p)' answer >/dev/null; then
			good "CHECK $1 finds it ($took ms):"
		else
			bad "CHECK $1 fails, but does not name it:"
		fi
		json 'del(.cniVersion)' answer | indent
	fi
}
ping_from() { # POD WHAT ADDRESS
	local out
	if out=$(ip netns exec "$1" ping -n -c 2 -i 0.2 -W 2 "$3" 2>&1); then
		good "$(printf '%-18s %-14s %s' "$1 → $2" "$3" "$(sed -n 's/.*min\/avg\/max.* = [^/]*\/\([^/]*\)\/.*/\1 ms/p' <<<"$out")")"
	else
		bad "$1 → $2 $3: $(tail -n 1 <<<"$out")"
	fi
}
# seen_outside FAMILY NODE-ADDRESS: who sent echo requests, as the outside host's own rules noted it.
seen_outside() {
	local sources
	sources=$(ip netns exec outside nft -j list set inet seen "v$1" |
		jq -r '.nftables[].set.elem[]?.elem | "\(.val)  \(.counter.packets) packets"')
	indent <<<"${sources:-nobody}"
	if [[ $sources == "$2 "* && $sources != *$'\n'* ]]; then
		good "the outside sees $2, the node's address, and no pod's"
	else
		bad "the outside should see the node's address $2, and nothing else"
	fi
}

# node_state: links, addresses, routes, rules and leases of the node.
node_state() {
	ip -o link | sed 's/^[0-9]*: \([^:]*\):.*link\/\([^ ]*\).*/link \1 \2/'
	ip -o addr | awk '{ print "address", $4, "on", $2 }'
	{ ip route; ip -6 route; } | awk '$1 !~ /^fe80/ { print "route", $1, "on", $3 }'
	{ nft list ruleset | grep -vE '^[[:space:]]*[{}]?$' || true; } | sed 's/^/rules /'
	{ find "$leases" -type f 2>/dev/null || true; } | sed "s|^|file |"
	# Forwarding is the node's own switch; it stays on once there is a gateway.
	(cd /proc/sys && grep . net/ipv4/ip_forward net/ipv6/conf/all/forwarding) | sed 's/^/sysctl /; s/:/=/'
}

# --- the node and the host outside ---------------------------------------------------------------------
step "A node, and a host outside that knows nothing of pods"
ip link set lo up
ip netns add outside
ip link add uplink type veth peer name eth0 netns outside
ip addr add 192.0.2.10/24 dev uplink
ip addr add 2001:db8::10/64 dev uplink nodad
ip link set uplink up
ip -n outside addr add 192.0.2.1/24 dev eth0
ip -n outside addr add 2001:db8::1/64 dev eth0 nodad
ip -n outside link set eth0 up
ip netns exec outside nft -f - <<'END'
table inet seen {
	set v4 { type ipv4_addr; flags dynamic; size 64; counter; }
	set v6 { type ipv6_addr; flags dynamic; size 64; counter; }
	chain input {
		type filter hook input priority 0;
		icmp type echo-request add @v4 { ip saddr }
		icmpv6 type echo-request add @v6 { ip6 saddr }
	}
}
END
indent <<<"node     uplink  192.0.2.10/24  2001:db8::10/64
outside  eth0    192.0.2.1/24   2001:db8::1/64"
node_state >state.before

step "Two pods"
note "   The configuration (conf/dual-stack.conflist, with a bridge named demo0):"
json -c '.' <<<"$conf" | fold -w 100 | indent
add web
cp new-log web-log
add db
say "   The result that the runtime gets for web:"
json -c '.interfaces[], .ips[], (.routes[]? | {route: .})' web.result | indent

step "The plan that was applied for web"
cp web-log new-log
if [ -n "$(plan)" ]; then
	plan | indent
else
	bad "no plan in the log"
fi

step "What is there now"
box() { # LINES...: as wide as two pods' boxes
	local line
	for line; do printf '   │ %-62s │\n' "$line"; done
}
rule() { printf '─%.0s' $(seq "$1"); }
{
	printf '    %-36s%s\n' "pod web" "pod db"
	printf '   ┌%s┐    ┌%s┐\n' "$(rule 28)" "$(rule 28)"
	for what in 4 6; do
		printf '   │ %-4s %-21s │    │ %-4s %-21s │\n' \
			"$([ $what = 4 ] && echo eth0)" "$(address web $what)" "$([ $what = 4 ] && echo eth0)" "$(address db $what)"
	done
	printf '   └%s┬%s┘    └%s┬%s┘\n' "$(rule 13)" "$(rule 14)" "$(rule 13)" "$(rule 14)"
	printf '    %8s%-19s%9s%8s%-19s\n' '' "$(host_link web)" '' '' "$(host_link db)"
	printf '   ┌%s┴%s┴%s┐   the node\n' "$(rule 13)" "$(rule 33)" "$(rule 16)"
	box "bridge demo0   $(ip -j addr show dev demo0 | jq -r '[.[0].addr_info[] | select(.scope == "global") | "\(.local)/\(.prefixlen)"] | join("   ")')"
	box "forwarding, masquerade" "uplink         192.0.2.10/24   2001:db8::10/64"
	printf '   └%s┬%s┘\n' "$(rule 31)" "$(rule 32)"
	printf '   ┌%s┴%s┐   the outside\n' "$(rule 31)" "$(rule 32)"
	box "eth0           192.0.2.1/24    2001:db8::1/64"
	printf '   └%s┘\n' "$(rule 64)"
} | plain_text

step "Traffic"
ping_from web db "$(address db 4 | cut -d/ -f1)"
ping_from web db "$(address db 6 | cut -d/ -f1)"
ping_from db web "$(address web 4 | cut -d/ -f1)"
ping_from web outside 192.0.2.1
ping_from web outside 2001:db8::1
ping_from db outside 2001:db8::1
say "   Who sent these echo requests, as the outside host counted them:"
seen_outside 4 192.0.2.10
seen_outside 6 2001:db8::10

step "Something breaks, and CHECK says what"
check web
gateway=$(jq -r '.ips[0].gateway' web.result)/$(address web 4 | cut -d/ -f2)
command_shown "ip addr del $gateway dev demo0"
ip addr del "$gateway" dev demo0
check_names web "$gateway"
say "   The next pod's ADD puts right what all pods share:"
add cache
check web
command_shown "ip link set dev $(host_link web) type bridge_slave hairpin off"
ip link set dev "$(host_link web)" type bridge_slave hairpin off
check_names web hairpin
say "   What belongs to web alone is mended as its line says:"
command_shown "ip link set dev $(host_link web) type bridge_slave hairpin on"
ip link set dev "$(host_link web)" type bridge_slave hairpin on
check web

step "The pods go"
for pod in web db cache; do
	if cni DEL "$pod"; then good "DEL $pod ($took ms)"; else bad "DEL $pod: $(jq -r .msg answer)"; fi
done
if cni DEL web ''; then good "DEL web again, its namespace gone: nothing to do, no error ($took ms)"; else bad "DEL web again: $(jq -r .msg answer)"; fi
for pod in web db cache; do ip netns del "$pod"; done

step "What is left"
node_state >state.after
# Of a pod: its link, its addresses in rules, its lease.
addresses_of_pods=$(cat web.result db.result cache.result | jq -r '.ips[].address | split("/")[0]' | sort -u)
expect "no link of a pod" eval '! grep -q "^link veth" state.after'
nft list ruleset >rules.after
left=$(grep -wF "$addresses_of_pods" rules.after || true)
expect "no rule for a pod" test -z "$left"
expect "no lease" eval '! find "$leases" -type f -name "*[.:]*" ! -name "last_reserved_ip.*" -print0 2>/dev/null | xargs -0 -r grep -l demo- | grep -q .'
expect "nothing gone that was there before the pods" eval '! diff state.before state.after | grep -v " sysctl " | grep -q "^<"'
say "   What stays is what all pods of the network share, ready for the next:"
{ diff state.before state.after || true; } | sed -n "s/^> //p" | indent
say

[ $failures -eq 0 ] || { say "$failures of the demo's expectations were not met."; exit 1; }
