package machine

import (
	"context"
	"net/netip"
	"strings"

	"auto-installer/hosts"
	"auto-installer/internal/network"
	"auto-installer/internal/sys"
	"auto-installer/steps"
)

// address returns what an install of the host must reach, or an empty string.
func (m *Machine) address(h hosts.Host) string {
	a := steps.Answers{Host: h}
	m.fill(&a)
	defer a.Wipe()
	return a.Network()
}

// AccessPoint is a Wi-Fi network.
type AccessPoint = network.AccessPoint

// addresses returns the first interface with an address, for the network check.
func (m *Machine) addresses() string {
	ifs, err := network.State()
	if err != nil {
		return ""
	}
	for _, i := range ifs {
		if len(i.Addresses) > 0 {
			return i.Name + " " + i.Addresses[0].Addr().String() + ", "
		}
	}
	return ""
}

// NetworkState is what the network screen shows.
type NetworkState struct {
	Reachable  bool
	Interfaces []InterfaceState
	Problem    string // why the remote cannot be reached
	WiFi       bool   // NetworkManager runs, which joins Wi-Fi networks
}

// InterfaceState is a network interface in words.
type InterfaceState struct{ Name, About string }

// Network reads the interfaces and tries to reach the host's remote.
func (m *Machine) Network(ctx context.Context, h hosts.Host) NetworkState {
	var s NetworkState
	ifs, err := network.State()
	if err != nil {
		s.Problem = err.Error()
	}
	for _, i := range ifs {
		s.Interfaces = append(s.Interfaces, InterfaceState{i.Name, about(i)})
	}
	s.WiFi = network.HasWiFi(ctx, m.sys)
	to := m.address(h)
	if to == "" {
		s.Reachable = true
		return s
	}
	if err := network.Reach(ctx, to); err != nil {
		s.Problem = sys.AsFault(err).Cause
		return s
	}
	s.Reachable = true
	return s
}

func about(i network.Interface) string {
	switch {
	case len(i.Addresses) > 0:
		var as []string
		for _, a := range i.Addresses {
			as = append(as, netip.Prefix.Addr(a).String())
		}
		return i.Kind + ", " + strings.Join(as, " ")
	case i.Carrier:
		return i.Kind + ", connected, no address yet"
	case i.Kind == network.Wired:
		return i.Kind + ", no cable"
	}
	return i.Kind + ", not connected"
}

// ScanWiFi lists the Wi-Fi networks.
func (m *Machine) ScanWiFi(ctx context.Context) ([]AccessPoint, error) {
	return network.Scan(ctx, m.sys)
}

// JoinWiFi joins a Wi-Fi network. The passphrase may be nil.
func (m *Machine) JoinWiFi(ctx context.Context, ap AccessPoint, passphrase []byte) error {
	return network.Join(ctx, m.sys, ap, passphrase)
}
