# Builds one package: links to the files of the Debian packages $debs in $debian, where
# NixOS looks for them.
set -eu
for output in $outputs; do
	case $output in
	out) ;;
	lastlog) mkdir -p "${!output}/lib/tmpfiles.d" ;;
	*) ln -s "$out" "${!output}" ;;
	esac
done
mkdir -p "$out/bin" "$out/lib" "$out/share"
ln -s bin "$out/sbin"
place() { # PATH in Debian: its path in the package
	case $1 in
	/usr/bin/* | /usr/sbin/* | /bin/* | /sbin/*) echo "bin/${1##*/}" ;;
	/usr/lib/systemd/system/* | /usr/lib/systemd/user/*) echo "$units/systemd/${1#/usr/lib/systemd/}" ;;
	/usr/lib/sysctl.d/* | /usr/lib/tmpfiles.d/*) echo "$units/${1#/usr/lib/}" ;;
	/usr/lib/x86_64-linux-gnu/*) echo "lib/${1#/usr/lib/x86_64-linux-gnu/}" ;;
	/lib/x86_64-linux-gnu/*) echo "lib/${1#/lib/x86_64-linux-gnu/}" ;;
	/usr/lib/*) echo "lib/${1#/usr/lib/}" ;;
	/lib/*) echo "lib/${1#/lib/}" ;;
	/usr/libexec/*) echo "libexec/${1#/usr/libexec/}" ;;
	/usr/share/*) echo "share/${1#/usr/share/}" ;;
	esac
}
for deb in $debs; do
	list=$tree/var/lib/dpkg/info/$deb
	[[ -e $list.list ]] || list=$list:amd64
	while read -r file; do
		from=$debian$file
		[[ -d $from && ! -L $from ]] && continue
		[[ -f $from || -L $from ]] || continue
		to=$(place "$file")
		[[ -n $to ]] || continue
		mkdir -p "$out/$(dirname "$to")"
		case $to in
		*/systemd/system/* | */systemd/user/* | *.d/*.conf | *.rules | */dbus-1/*.service)
			# Their programs are those of the store, as in nixpkgs' own builds.
			if [[ -L $from ]]; then
				cp --no-dereference "$from" "$out/$to"
			else
				sed "s|/usr/lib/systemd/|$out/lib/systemd/|g; s|/usr/s\?bin/|$debian&|g; s|^\(Exec[A-Za-z]*=[-@:+!]*\)\([a-z]\)|\1$out/bin/\2|" "$from" >"$out/$to"
			fi
			continue
			;;
		esac
		[[ -e $out/$to || -L $out/$to ]] || ln -s "$from" "$out/$to"
	done <"$list.list"
done
eval "${extra:-}"
