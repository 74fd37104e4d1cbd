package network

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Flags of a route, from include/uapi/linux/route.h.
const (
	rtfUp     = 0x0001
	rtfReject = 0x0200
)

// Route reports whether there is a default route, by IPv4 or IPv6. Root is where
// /proc is.
func Route(root string) bool {
	return anyLine(root, "proc/net/route", route4) || anyLine(root, "proc/net/ipv6_route", route6)
}

func anyLine(root, file string, is func(fields []string) bool) bool {
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return false // the kernel lacks the protocol
	}
	for line := range strings.Lines(string(b)) {
		if is(strings.Fields(line)) {
			return true
		}
	}
	return false
}

// route4 reads a line of /proc/net/route (kernel: net/ipv4/fib_trie.c,
// fib_route_seq_show): interface, destination, gateway, flags, three counters,
// mask; numbers in hexadecimal.
func route4(f []string) bool {
	return len(f) >= 8 && f[1] == "00000000" && f[7] == "00000000" && usable(f[3])
}

// route6 reads a line of /proc/net/ipv6_route (kernel: net/ipv6/route.c,
// rt6_info_route): destination and its length, source and its length, next
// hop, metric, two counters, flags, interface. The kernel always has a
// rejecting default route on lo.
func route6(f []string) bool {
	return len(f) >= 10 && strings.Trim(f[0], "0") == "" && f[1] == "00" && f[9] != "lo" && usable(f[8])
}

func usable(flags string) bool {
	n, err := strconv.ParseUint(flags, 16, 32)
	return err == nil && n&rtfUp != 0 && n&rtfReject == 0
}
