// Package network lists the machine's network interfaces, checks whether a server
// can be reached, and joins a Wi-Fi network through NetworkManager.
package network

import (
	"cmp"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"auto-installer/internal/sys"
)

// Values of Interface.Kind.
const (
	Wired    = "wired"
	Wireless = "wireless"
	Other    = "other" // mobile broadband, InfiniBand, a bond, a VLAN
)

// Interface is a network interface that may lead out of the machine.
type Interface struct {
	Name      string // the kernel's: enp3s0
	Kind      string
	Carrier   bool           // a cable with a device at its other end, or a joined Wi-Fi
	Addresses []netip.Prefix // global ones: neither link-local nor loopback
}

// Addresses lists the addresses at which other machines reach this one, in the
// order of State.
func Addresses() []string {
	ifs, err := State()
	if err != nil {
		return nil
	}
	var as []string
	for _, i := range ifs {
		for _, a := range i.Addresses {
			as = append(as, a.Addr().String())
		}
	}
	return as
}

// State lists the network interfaces, wired ones first, then by name. It leaves
// out loopback and virtual interfaces (bridges, veth, tunnels) except bonds and
// VLANs.
func State() ([]Interface, error) { return state("/", addresses) }

// state reads sysfs (kernel: Documentation/ABI/testing/sysfs-class-net). Root is where
// /sys is; a test has another one, and addresses to go with it.
func state(root string, addresses func(name string) []netip.Prefix) ([]Interface, error) {
	dir := filepath.Join(root, "sys/class/net")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, sys.Faultf(sys.CodeMachine, "/sys must be mounted", "listing the network interfaces: %w", err)
	}
	var all []Interface
	for _, e := range entries {
		at := filepath.Join(dir, e.Name())
		if kind := kindOf(at); kind != "" {
			all = append(all, Interface{
				Name:      e.Name(),
				Kind:      kind,
				Carrier:   text(at, "carrier") == "1", // unreadable while it is down
				Addresses: addresses(e.Name()),
			})
		}
	}
	order := []string{Wired, Wireless, Other}
	slices.SortStableFunc(all, func(a, b Interface) int { // ReadDir sorts by name
		return cmp.Compare(slices.Index(order, a.Kind), slices.Index(order, b.Kind))
	})
	return all, nil
}

// devType matches the driver's type of an interface that leads out although it is
// none of this machine's devices, or is mobile broadband.
var devType = regexp.MustCompile(`(?m)^DEVTYPE=(wwan|bond|vlan)$`)

// kindOf is the kind of the interface in a folder of sysfs, or empty for others.
func kindOf(at string) string {
	has := func(name string) bool {
		_, err := os.Stat(filepath.Join(at, name))
		return err == nil
	}
	const ethernet = "1" // ARPHRD_ETHER, include/uapi/linux/if_arp.h
	kind := text(at, "type")
	switch {
	case kind == "":
		return "" // not an interface: bonding_masters is a file in the same folder
	case has("phy80211"), has("wireless"):
		return Wireless
	case devType.MatchString(text(at, "uevent")):
		return Other
	case !has("device"):
		return "" // virtual
	case kind == ethernet:
		return Wired
	}
	return Other
}

func text(at, name string) string {
	b, err := os.ReadFile(filepath.Join(at, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

func addresses(name string) []netip.Prefix {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil
	}
	addrs, err := i.Addrs()
	if err != nil {
		return nil
	}
	var all []netip.Prefix
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().IsGlobalUnicast() {
			all = append(all, p)
		}
	}
	return all
}
