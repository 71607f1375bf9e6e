# shellcheck shell=bash
# How transcripts look, and what the tests beside it share. Sourced by them.

# said COMMAND...: the command, then what it says.
said() {
	printf '$'
	printf ' %s' "$@"
	echo
	"$@"
}

# expect WHAT GOT WANTED
expect() {
	[ "$2" = "$3" ] || {
		printf 'FAILED: %s\n--- got\n%s\n--- wanted\n%s\n' "$1" "$2" "$3"
		exit 1
	}
}

# who FILE: whose plugin it is.
who() {
	local text
	text=$("$1" --version 2>&1 </dev/null | head -n 1) || true
	case $text in
	*'(Trestle '*) echo "Trestle ${text#*, }" | sed 's/).*//' ;;
	*) tail -c 5 "$1" | grep -E '^1\.[45]\.0$' || echo other ;;
	esac
}

# watched COMMAND...: while it runs, a runtime starts the plugin again and again. Each start must find a program.
watched() {
	local pid
	rm -f /test/stop /test/starts
	(
		n=0
		while [ ! -e /test/stop ]; do
			CNI_COMMAND=VERSION /opt/cni/bin/bridge </dev/null >/test/answer 2>&1 || { echo "no plugin: $(cat /test/answer)" >>/test/missed; }
			n=$((n + 1))
		done
		echo "$n" >/test/starts
	) &
	pid=$!
	said "$@"
	touch /test/stop
	wait "$pid"
	[ ! -e /test/missed ] || { echo "FAILED: $(cat /test/missed)"; exit 1; }
	echo "   (bridge was started $(cat /test/starts) times meanwhile and was always there)"
}

# files: what is in the places that a package may touch.
files() {
	# shellcheck disable=SC2046 # one word or none
	find /opt /etc /usr $(ls -d /var/lib/trestle 2>/dev/null || true) -xdev ! -path /etc/ld.so.cache | sort
}
