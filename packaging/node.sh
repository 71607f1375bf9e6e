#!/bin/sh
# node install|remove: puts the plugins into the folders that /etc/default/trestle names, or takes them out of every
# folder where they were put. Called by the package's scripts on a node; the program itself does the work, by rename.
set -e
here=/usr/lib/trestle
record=/var/lib/trestle/folders # where they were put
names="bridge host-local loopback"

folders() {
	PLUGIN_DIRS=/opt/cni/bin
	for file in /etc/default/trestle /etc/sysconfig/trestle; do
		# shellcheck source=/dev/null
		[ ! -r "$file" ] || . "$file"
	done
	# shellcheck disable=SC2086 # a list
	printf '%s\n' $PLUGIN_DIRS
}

# Where dpkg is, a package that brings a plugin of the same name (kubernetes-cni) must neither be refused nor write over
# ours: dpkg puts its file where ours keeps the old one. --no-rename: the program renames, with no moment in between.
divert() { # --add|--remove FOLDER
	command -v dpkg-divert >/dev/null && [ -n "${DPKG_MAINTSCRIPT_PACKAGE:-}" ] || return 0
	for name in $names; do
		if [ "$1" = --add ]; then
			dpkg-divert --quiet --package trestle --no-rename --divert "$2/$name.before-trestle" --add "$2/$name"
		else
			dpkg-divert --quiet --package trestle --no-rename --remove "$2/$name"
		fi
	done
}

take() { # FOLDER
	"$here/trestle" remove --dir "$1"
	divert --remove "$1"
}

case $1 in
install)
	wanted=$(folders)
	# A folder that was taken off the list.
	if [ -r "$record" ]; then
		while read -r folder; do
			printf '%s\n' "$wanted" | grep -qxF "$folder" || take "$folder"
		done <"$record"
	fi
	mkdir -p "${record%/*}"
	printf '%s\n' "$wanted" >"$record"
	for folder in $wanted; do
		divert --add "$folder"
		"$here/trestle" install --dir "$folder"
	done
	;;
remove)
	[ -r "$record" ] || exit 0
	while read -r folder; do take "$folder"; done <"$record"
	rm -f "$record"
	rmdir "${record%/*}" 2>/dev/null || true
	;;
*)
	echo "usage: node install|remove" >&2
	exit 2
	;;
esac
