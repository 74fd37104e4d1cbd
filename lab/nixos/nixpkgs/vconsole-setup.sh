#!/bin/sh
# systemd-vconsole-setup, which Debian's systemd is built without (vconsole.conf(5)).
. /etc/vconsole.conf 2>/dev/null
for tty in /dev/tty[1-9]; do
	[ -e "$tty" ] || continue
	[ -z "${FONT:-}" ] || @kbd@/setfont -C "$tty" "$FONT"
done
[ -z "${KEYMAP:-}" ] || exec @kbd@/loadkeys -q -C /dev/tty1 -u "$KEYMAP"
