package topology

import (
	"context"
	"encoding/json"
	"strings"

	"auto-installer/internal/sys"
)

// System answers lsblk, and nothing else: on any other command it panics.
type System struct {
	sys.System
	lsblk []byte
}

// Output implements sys.System.
func (s System) Output(_ context.Context, c sys.Cmd) ([]byte, error) {
	if c.Argv[0] != "lsblk" {
		panic("a command ran that was not to run: " + c.String())
	}
	return s.lsblk, nil
}

// Log implements sys.System.
func (System) Log(string) {}

// Warn implements sys.System.
func (System) Warn(string) {}

// System runs commands on the machine, after Lay. lsblk lists the devices in the
// order of tops.
func (m *Machine) System(tops []*Node) System {
	var list []map[string]any
	for _, n := range tops {
		list = append(list, m.entry(n))
	}
	b, err := json.Marshal(map[string]any{"blockdevices": append([]map[string]any{}, list...)})
	if err != nil {
		panic(err) // maps of strings and numbers always encode
	}
	return System{lsblk: b}
}

// entry is a device and its descendants, as lsblk prints them.
func (m *Machine) entry(n *Node) map[string]any {
	points := []any{nil}
	for _, mount := range m.Mounts {
		if len(mount.On) > 0 && mount.On[0] == n {
			points = append(points, strings.ReplaceAll(mount.Point, `\040`, " "))
		}
	}
	for _, s := range m.Swaps {
		if s == n {
			points = append(points, "[SWAP]")
		}
	}
	if m.Blind {
		points = []any{nil}
	}
	e := map[string]any{
		"name": n.Name, "kname": n.Name, "path": n.Path, "maj:min": n.DevNo, "type": n.Type, "size": n.Size, "log-sec": n.Sector,
		"phy-sec": n.Sector, "ro": n.RO, "rm": n.RM, "hotplug": n.Hotplug, "tran": orNull(n.Tran), "model": orNull(n.Model),
		"serial": orNull(n.Serial), "wwn": orNull(n.WWN), "pttype": orNull(n.PTType), "ptuuid": orNull(n.PTUUID), "fstype": orNull(n.FSType),
		"label": orNull(n.Label), "uuid": nil, "partuuid": orNull(n.PartUUID), "parttype": orNull(n.PartType), "partlabel": orNull(n.PartLabel),
		"mountpoints": points,
	}
	if n.Mapper != "" {
		e["name"] = n.Mapper
	}
	var children []map[string]any
	for _, c := range append(n.Parts[:len(n.Parts):len(n.Parts)], n.Upon...) {
		children = append(children, m.entry(c))
	}
	if len(children) > 0 {
		e["children"] = children
	}
	return e
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
