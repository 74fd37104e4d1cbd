package block

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"auto-installer/internal/sys"
)

// columns are what lsblk prints; all of them exist in util-linux 2.37. It has no
// column for the number of a partition, which comes from sysfs.
const columns = "NAME,KNAME,PATH,MAJ:MIN,TYPE,SIZE,LOG-SEC,PHY-SEC,RO,RM,HOTPLUG,TRAN,MODEL,SERIAL,WWN," +
	"PTTYPE,PTUUID,FSTYPE,LABEL,UUID,PARTUUID,PARTTYPE,PARTLABEL,MOUNTPOINTS"

var Lsblk = sys.Cmd{
	Does:  "list the block devices",
	Argv:  []string{"lsblk", "--json", "--bytes", "--output", columns},
	Quiet: true,
}

// maxText is the limit of a text of lsblk, in bytes, far above any real one.
const maxText = 512

// node is a device as lsblk prints it. Null leaves a field empty.
type node struct {
	Name, KName, Path             text
	DevNo                         text `json:"maj:min"`
	Type                          text
	Size                          int64
	LogSec                        int `json:"log-sec"`
	PhySec                        int `json:"phy-sec"`
	RO, RM, Hotplug               bool
	Tran, Model, Serial, WWN      text
	PTType, PTUUID                text
	FSType, Label, UUID           text
	PartUUID, PartType, PartLabel text
	Mountpoints                   []text
	Children                      []node
}

// ParseLsblk reads the output of lsblk --json --bytes as a tree. Partitions are
// in Device.Partitions of their parent, other descendants in Children. A device
// made of several appears under each of them.
func ParseLsblk(b []byte) ([]Device, error) {
	var out struct {
		BlockDevices *[]node `json:"blockdevices"`
	}
	var devices []Device
	err := json.Unmarshal(b, &out)
	switch {
	case err == nil && out.BlockDevices == nil:
		err = errors.New("no blockdevices in it")
	case err == nil:
		devices, err = treeOf(*out.BlockDevices)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the output of lsblk: %w", err)
	}
	return devices, nil
}

func treeOf(nodes []node) ([]Device, error) {
	var ds []Device
	for _, n := range nodes {
		d := n.device()
		if d.Name == "" {
			return nil, errors.New("a device without a name")
		}
		below, err := treeOf(n.Children)
		if err != nil {
			return nil, err
		}
		for _, c := range below {
			if c.Type == TypePart {
				d.Partitions = append(d.Partitions, c)
			} else {
				d.Children = append(d.Children, c)
			}
		}
		ds = append(ds, d)
	}
	return ds, nil
}

func (n node) device() Device {
	lower := func(t text) string { return strings.ToLower(string(t)) }
	d := Device{
		Name: string(cmp.Or(n.KName, n.Name)), Path: string(n.Path), DevNo: string(n.DevNo),
		Type: lower(n.Type), Size: max(n.Size, 0), LogicalSector: n.LogSec, PhysicalSector: n.PhySec,
		ReadOnly: n.RO, Removable: n.RM, Hotplug: n.Hotplug, Transport: lower(n.Tran),
		Model: string(n.Model), Serial: string(n.Serial), WWN: string(n.WWN),
		PTType: string(n.PTType), PTUUID: lower(n.PTUUID),
		FSType: string(n.FSType), Label: string(n.Label), UUID: string(n.UUID),
		PartUUID: lower(n.PartUUID), PartType: lower(n.PartType), PartLabel: string(n.PartLabel),
	}
	d.Path = cmp.Or(d.Path, "/dev/"+d.Name)
	for _, m := range n.Mountpoints {
		switch {
		case m == "[SWAP]":
			d.Swap = true
		case m != "" && !slices.Contains(d.Mountpoints, string(m)):
			d.Mountpoints = append(d.Mountpoints, string(m))
		}
	}
	return d
}

// text is a string made safe to show, of a limited length.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s = oneLine(s); len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "") // without half a character at the end
	}
	*t = text(s)
	return nil
}

// oneLine is a device's own text without padding. Invisible characters become
// escapes, so that a label that contains one differs from the label without.
func oneLine(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == 0 })
	return sys.VisibleLine(strings.ToValidUTF8(s, string(utf8.RuneError)))
}
