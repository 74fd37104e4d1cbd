# Builds one package: links to the files of the Debian packages $debs in $debian, where
# NixOS looks for them.
set -eu
shopt -s extglob
for output in $outputs; do
	case $output in
	out) ;;
	lastlog) mkdir -p "${!output}/lib/tmpfiles.d" ;;
	*) ln -s "$out" "${!output}" ;;
	esac
done
mkdir -p "$out/bin" "$out/lib" "$out/share"
ln -s bin "$out/sbin"
place() { # PATH in Debian: sets to, its path in the package
	case $1 in
	?(/usr)/@(bin|sbin)/*) to=bin/${1##*/} ;;
	/usr/lib/systemd/@(system|user)/*) to=$units/systemd/${1#/usr/lib/systemd/} ;;
	/usr/lib/@(sysctl|tmpfiles).d/*) to=$units/${1#/usr/lib/} ;;
	?(/usr)/lib/x86_64-linux-gnu/*) to=lib/${1#*/lib/x86_64-linux-gnu/} ;;
	?(/usr)/lib/*) to=lib/${1#*/lib/} ;;
	/usr/libexec/* | /usr/share/*) to=${1#/usr/} ;;
	*) to= ;;
	esac
}
declare -A seen links edited
for deb in $debs; do
	list=$tree/var/lib/dpkg/info/$deb
	[[ -e $list.list ]] || list=$list:amd64
	while read -r file; do
		from=$debian$file
		[[ -f $from || -L $from ]] || continue
		place "$file"
		[[ -n $to && -z ${seen[$to]:-} ]] || continue
		seen[$to]=1
		case $to in
		*/systemd/@(system|user)/* | *.d/*.conf | *.rules | */dbus-1/*.service) edited[${to%/*}]+=$from$'\n' ;;
		*) links[${to%/*}]+=$from$'\n' ;;
		esac
	done <"$list.list"
done
# One process a folder.
(cd "$out" && mkdir -p . "${!links[@]}" "${!edited[@]}")
for to in "${!links[@]}"; do
	printf %s "${links[$to]}" | xargs -d '\n' ln -s -t "$out/$to"
done
# The programs of units and rules are those of the store, as in nixpkgs' own builds.
for to in "${!edited[@]}"; do
	printf %s "${edited[$to]}" | xargs -d '\n' cp --no-dereference -t "$out/$to"
	find "$out/$to" -maxdepth 1 -type f -exec sed -i "s|/usr/lib/systemd/|$out/lib/systemd/|g; s,/usr/\(s\?bin\|lib\|libexec\)/,$debian&,g; s|^\(Exec[A-Za-z]*=[-@:+!]*\)\([a-z]\)|\1$out/bin/\2|" {} +
done
eval "${extra:-}"
