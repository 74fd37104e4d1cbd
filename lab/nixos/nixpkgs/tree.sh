# Builds the store path that holds Debian's /usr: $tree with every program's interpreter
# and library path in the copy itself.
set -eu
mkdir -p "$out"
cd "$tree"
# Without the bits that nix forbids in the store.
tar --create --mode=a-st,u+w --exclude=usr/lib/modules --exclude=usr/share/{doc,icons,info,lintian,locale,vim} --exclude=__pycache__ usr/bin usr/sbin usr/lib usr/lib64 usr/libexec usr/share etc/pam.d etc/ssl etc/alternatives |
	tar --extract --no-same-owner --directory "$out"
cd "$out"
ln -s usr/bin usr/sbin usr/lib usr/lib64 .
# Links to the system's own paths stay in the copy.
find . -type l -printf '%p %l\n' | while read -r link to; do
	case $to in
	/usr/* | /etc/* | /lib/* | /bin/* | /sbin/*) ln -sfn "$out$to" "$link" ;;
	esac
done
arch=usr/lib/x86_64-linux-gnu
# It runs with the libraries of its own system.
patchelf() { "$tree/usr/lib64/ld-linux-x86-64.so.2" --library-path "$tree/usr/lib/x86_64-linux-gnu" "$tree/usr/bin/patchelf" "$@"; }
export -f patchelf
export arch
find usr/bin usr/sbin usr/lib usr/libexec -type f -size +0 -print0 | xargs -0 -n 200 -P 2 "$shell" -c '
	for file; do
		IFS= read -r -n 4 magic <"$file" 2>/dev/null || true
		[[ $magic == $'"'"'\x7fELF'"'"' ]] || continue
		case $file in *.o | *.ko | */ld-linux-x86-64.so.2 | */libc.so.6) continue ;; esac
		dir="$out/$arch"
		case $file in
		*systemd* | *udev* | *libnss* | *pam_systemd*) dir=$dir:$dir/systemd ;;
		esac
		old=$(patchelf --print-rpath "$file" 2>/dev/null) || continue # static
		for part in ${old//:/ }; do
			case $part in /usr/*) dir=$dir:$out$part ;; esac
		done
		patchelf --set-rpath "$dir" "$file" 2>/dev/null || continue
		! patchelf --print-interpreter "$file" >/dev/null 2>&1 ||
			patchelf --set-interpreter "$out/usr/lib64/ld-linux-x86-64.so.2" "$file"
	done
' worker
