package network

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"auto-installer/internal/sys"
)

func TestState(t *testing.T) {
	root := t.TempDir()
	at := func(name string, files map[string]string) {
		for file, data := range files {
			put(t, root, filepath.Join("sys/class/net", name, file), data+"\n")
		}
	}
	at("lo", map[string]string{"type": "772", "operstate": "unknown"})
	at("enp3s0", map[string]string{"type": "1", "carrier": "1", "operstate": "up", "address": "52:54:00:12:34:56", "device/vendor": ""})
	at("eth0", map[string]string{"type": "1", "carrier": "0", "operstate": "down", "address": "52:54:00:12:34:57", "device/vendor": ""})
	at("wlp2s0", map[string]string{"type": "1", "operstate": "down", "phy80211/name": "phy0", "device/vendor": "", "uevent": "DEVTYPE=wlan"})
	at("ib0", map[string]string{"type": "32", "device/vendor": ""})
	at("bond0", map[string]string{"type": "1", "uevent": "INTERFACE=bond0\nDEVTYPE=bond"})
	at("br0", map[string]string{"type": "1", "carrier": "1", "uevent": "DEVTYPE=bridge"})
	at("veth1234", map[string]string{"type": "1", "carrier": "1"})
	at("wg0", map[string]string{"type": "65534", "uevent": "DEVTYPE=wireguard"})
	put(t, root, "sys/class/net/bonding_masters", "bond0\n")

	net4 := netip.MustParsePrefix("192.0.2.7/24")
	got, err := state(root, func(name string) []netip.Prefix {
		if name == "enp3s0" {
			return []netip.Prefix{net4}
		}
		return nil
	})
	want := []Interface{
		{Name: "enp3s0", Kind: Wired, Carrier: true, Addresses: []netip.Prefix{net4}},
		{Name: "eth0", Kind: Wired},
		{Name: "wlp2s0", Kind: Wireless},
		{Name: "bond0", Kind: Other},
		{Name: "ib0", Kind: Other},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := state(t.TempDir(), addresses); err == nil {
		t.Error("no error without sysfs")
	}
	if _, err := State(); err != nil {
		t.Error(err)
	}
	if got := addresses("lo"); len(got) > 0 {
		t.Errorf("%v of lo", got)
	}
}

func TestReach(t *testing.T) {
	up := Interface{Name: "eth0", Kind: Wired, Carrier: true, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", unix.ECONNREFUSED)}
	for _, c := range []struct {
		err   error
		state []Interface
		route bool
		says  string
	}{
		{refused, nil, true, "no network interface"},
		{refused, []Interface{{Kind: Wired}}, true, "no network cable is connected"},
		{refused, []Interface{{Kind: Wired}, {Kind: Wireless}}, true, "no Wi-Fi"},
		{refused, []Interface{{Kind: Wired, Carrier: true}}, true, "no network address"},
		{refused, []Interface{up}, false, "no default route"},
		{refused, []Interface{up}, true, "example.org:22 refuses"},
		{&net.OpError{Err: &net.DNSError{Name: "example.org", IsNotFound: true}}, []Interface{up}, true, "example.org is unknown"},
		{&net.OpError{Err: &net.DNSError{Name: "example.org", IsTimeout: true}}, []Interface{up}, true, "DNS server does not answer"},
		{&net.OpError{Err: os.NewSyscallError("connect", unix.ENETUNREACH)}, []Interface{up}, true, "no way to"},
		{&net.OpError{Err: os.NewSyscallError("connect", unix.EPERM)}, []Interface{up}, true, "firewall of this machine"},
		{&net.OpError{Err: os.NewSyscallError("connect", unix.ETIMEDOUT)}, []Interface{up}, true, "does not answer"},
		{context.DeadlineExceeded, []Interface{up}, true, "does not answer"},
		{errors.New("odd\x1b[2J"), []Interface{up}, true, "example.org:22: odd"},
	} {
		cause, hint := nearby(c.state, c.route)
		if cause == "" {
			cause, hint = remote("example.org:22", c.err)
		}
		if !strings.Contains(cause, c.says) || hint == "" || strings.Contains(cause, "\x1b") {
			t.Errorf("%v: %s; %s", c.err, cause, hint)
		}
	}
}

func TestReachStops(t *testing.T) {
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := Reach(ctx, "192.0.2.1:1"); !errors.Is(err, why) {
		t.Errorf("%v", err)
	}
}

func TestReachForReal(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := Reach(t.Context(), l.Addr().String()); err != nil {
		t.Error(err)
	}
	l.Close()
	err = Reach(t.Context(), l.Addr().String())
	if f, ok := errors.AsType[*sys.Fault](err); !ok || f.Code != sys.CodeSource || f.Hint == "" || !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "example.org", ":22", "example.org:", "a:b:c"} {
		if f, ok := errors.AsType[*sys.Fault](Reach(t.Context(), bad)); !ok || f.Code != sys.CodeUsage {
			t.Errorf("%q: %+v", bad, f)
		}
	}
}
