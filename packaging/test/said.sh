# shellcheck shell=bash
# How transcripts look. Sourced by the tests beside it.

# said COMMAND...: the command, then what it says.
said() {
	printf '$'
	printf ' %s' "$@"
	echo
	"$@"
}
# expect WHAT GOT WANTED
expect() { [ "$2" = "$3" ] || { printf 'FAILED: %s\n--- got\n%s\n--- wanted\n%s\n' "$1" "$2" "$3"; exit 1; }; }
