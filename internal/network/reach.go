package network

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

// patience is the time limit of an attempt, with the name lookup.
const patience = 10 * time.Second

// Reach tries once to connect to HOST:PORT by TCP, for at most 10 s. The error
// says in plain words what is in the way; it is a *sys.Fault, or the context's
// cause.
func Reach(ctx context.Context, hostport string) error {
	if host, port, err := net.SplitHostPort(hostport); err != nil || host == "" || port == "" {
		return sys.Faultf(sys.CodeUsage, "write it as example.org:443", "%q is not a host and a port", sys.Clean(hostport))
	}
	attempt, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(attempt, "tcp", hostport)
	if err == nil {
		return conn.Close()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var cause, hint string
	if all, unknown := State(); unknown == nil {
		cause, hint = nearby(all, routed())
	}
	if cause == "" {
		cause, hint = remote(hostport, err)
	}
	return &sys.Fault{Cause: cause, Hint: hint, Code: sys.CodeSource, Err: err}
}

// routed reports whether packets can leave for other networks, such as those that
// RFC 5737 and RFC 3849 keep for examples. Connecting by UDP asks the kernel for the
// route, and sends nothing.
func routed() bool {
	for protocol, address := range map[string]string{"udp4": "203.0.113.1:9", "udp6": "[2001:db8::1]:9"} {
		if conn, err := net.Dial(protocol, address); err == nil {
			conn.Close()
			return true
		}
	}
	return false
}

// nearby says what is wrong with this machine's own network, or nothing.
func nearby(all []Interface, route bool) (cause, hint string) {
	has := func(is func(Interface) bool) bool { return slices.ContainsFunc(all, is) }
	switch {
	case len(all) == 0:
		return "no network interface was found", "plug in a network adapter, or use a medium with a driver for this one"
	case !has(func(i Interface) bool { return i.Carrier }):
		if has(func(i Interface) bool { return i.Kind == Wireless }) {
			return "no network cable is connected and no Wi-Fi network is joined", "plug in a cable or join a Wi-Fi network"
		}
		return "no network cable is connected", "plug in a cable, or try another port, cable or switch"
	case !has(func(i Interface) bool { return len(i.Addresses) > 0 }):
		return "this machine has no network address", "wait a moment; check that the router is on and assigns addresses (DHCP)"
	case !route:
		return "this machine has an address but no way out (no default route)",
			"check that the router announces itself as the gateway, or set one: ip route add default via ADDRESS"
	}
	return "", ""
}

// remote says what is wrong on the way to the server.
func remote(hostport string, err error) (cause, hint string) {
	host, _, _ := net.SplitHostPort(hostport)
	host, hostport = sys.Clean(host), sys.Clean(hostport)
	dns, isDNS := errors.AsType[*net.DNSError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case isDNS && dns.IsNotFound:
		return "the name " + host + " is unknown", "check the spelling; in a private network, check its DNS server"
	case isDNS:
		return "the name " + host + " could not be looked up: the DNS server does not answer",
			"check /etc/resolv.conf and the router; a captive portal (a login page) has the same effect"
	case errors.Is(err, unix.ECONNREFUSED):
		return hostport + " refuses the connection", "the machine is there, but nothing listens on that port: check the server and the port"
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return "there is no way to " + hostport, "check the router's connection; the server may have IPv6 only, or be in another network"
	case errors.Is(err, unix.EACCES), errors.Is(err, fs.ErrPermission):
		return "a firewall of this machine forbids connecting to " + hostport, "check iptables or nftables on this machine"
	case isNet && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return hostport + " does not answer", "the server may be down, or a firewall or a captive portal (a login page) may block it"
	}
	return "connecting to " + hostport + ": " + sys.Clean(err.Error()), "inspect the network with `ip address` and `ip route`"
}
