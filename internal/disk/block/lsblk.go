package block

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"auto-installer/internal/sys"
)

// columns are what is asked of lsblk. All of them exist in util-linux 2.37;
// the number and start of a partition are not among them and come from sysfs.
const columns = "NAME,KNAME,PATH,MAJ:MIN,TYPE,SIZE,LOG-SEC,PHY-SEC,RO,RM,HOTPLUG,TRAN,MODEL,SERIAL,WWN," +
	"PTTYPE,PTUUID,FSTYPE,LABEL,UUID,PARTUUID,PARTTYPE,PARTLABEL,MOUNTPOINTS"

// Lsblk is the command whose output ParseLsblk reads.
var Lsblk = sys.Cmd{
	Does:  "list the block devices",
	Argv:  []string{"lsblk", "--json", "--bytes", "--output", columns},
	Quiet: true,
}

// Bounds on what lsblk may say: far above any real machine.
const (
	maxJSON  = 16 << 20 // bytes
	maxDepth = 16
	maxNodes = 20000 // a device counts once for each of its parents
	maxText  = 512   // bytes
)

// ParseLsblk reads the output of lsblk --json --bytes as a tree. It takes the
// forms of old and new versions: numbers and flags as such or as strings, one
// mountpoint or several. What it cannot read of a size is 0, and of a
// read-only or removable flag is true, so that doubt leads to a refusal.
//
// Partitions are in Device.Partitions of their parent, other descendants in
// Children; a device made of several appears under each of them.
func ParseLsblk(b []byte) ([]Device, error) {
	if len(b) > maxJSON {
		return nil, fmt.Errorf("lsblk printed more than %d MiB", maxJSON>>20)
	}
	var out struct {
		BlockDevices *[]json.RawMessage `json:"blockdevices"`
	}
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("reading the output of lsblk: %w", err)
	}
	if out.BlockDevices == nil {
		return nil, errors.New("reading the output of lsblk: no blockdevices in it")
	}
	p := parser{}
	return p.devices(*out.BlockDevices, 0)
}

type parser struct{ nodes int }

func (p *parser) devices(raw []json.RawMessage, depth int) ([]Device, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("reading the output of lsblk: nested more than %d deep", maxDepth)
	}
	var ds []Device
	for _, r := range raw {
		if p.nodes++; p.nodes > maxNodes {
			return nil, fmt.Errorf("reading the output of lsblk: more than %d devices", maxNodes)
		}
		var n node
		if err := json.Unmarshal(r, &n); err != nil {
			return nil, fmt.Errorf("reading the output of lsblk: %w", err)
		}
		d := n.device()
		if d.Name == "" {
			return nil, errors.New("reading the output of lsblk: a device without a name")
		}
		below, err := p.devices(n.Children, depth+1)
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

// node is a device as lsblk prints it.
type node struct {
	Name, KName, Path             text
	DevNo                         text `json:"maj:min"`
	Type                          text
	Size                          number
	LogSec                        number `json:"log-sec"`
	PhySec                        number `json:"phy-sec"`
	RO, RM, Hotplug               flag
	Tran, Model, Serial, WWN      text
	PTType, PTUUID                text
	FSType, Label, UUID           text
	PartUUID, PartType, PartLabel text
	Mountpoint                    texts
	Mountpoints                   texts
	Children                      []json.RawMessage
}

func (n node) device() Device {
	d := Device{
		Name: string(n.KName), Path: string(n.Path), DevNo: string(n.DevNo),
		Type: strings.ToLower(string(n.Type)), Size: int64(max(n.Size, 0)),
		LogicalSector: int(n.LogSec), PhysicalSector: int(n.PhySec),
		ReadOnly: bool(n.RO), Removable: bool(n.RM), Hotplug: bool(n.Hotplug),
		Transport: strings.ToLower(string(n.Tran)),
		Model:     string(n.Model), Serial: string(n.Serial), WWN: string(n.WWN),
		PTType: string(n.PTType), PTUUID: strings.ToLower(string(n.PTUUID)),
		FSType: string(n.FSType), Label: string(n.Label), UUID: string(n.UUID),
		PartUUID:  strings.ToLower(string(n.PartUUID)),
		PartType:  strings.ToLower(string(n.PartType)),
		PartLabel: string(n.PartLabel),
	}
	if d.Name == "" {
		d.Name = string(n.Name)
	}
	if d.Path == "" && d.Name != "" {
		d.Path = "/dev/" + d.Name
	}
	for _, m := range append(n.Mountpoints, n.Mountpoint...) {
		switch {
		case m == "[SWAP]":
			d.Swap = true
		case m != "" && !slices.Contains(d.Mountpoints, m):
			d.Mountpoints = append(d.Mountpoints, m)
		}
	}
	return d
}

// text is a string, or a number or nothing in its place.
type text string

func (t *text) UnmarshalJSON(b []byte) error {
	*t = text(scalar(b))
	return nil
}

// number is a whole number, quoted or not.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	i, err := strconv.ParseInt(scalar(b), 10, 64)
	if err != nil {
		i = 0
	}
	*n = number(i)
	return nil
}

// flag is true, "1" or 1. Null is false; nonsense is true.
type flag bool

func (f *flag) UnmarshalJSON(b []byte) error {
	switch scalar(b) {
	case "", "0", "false":
		*f = string(b) == `[]` || string(b) == `{}`
	default:
		*f = true
	}
	return nil
}

// texts is a list of strings with nulls among them, or one string.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	var list []text
	if bytes.HasPrefix(b, []byte("[")) && json.Unmarshal(b, &list) == nil {
		for _, s := range list {
			*t = append(*t, string(s))
		}
		return nil
	}
	*t = append(*t, scalar(b))
	return nil
}

// oneLine is what a device says of itself, without what it fills the field up
// with. What cannot be seen becomes its escape: a label with something hidden in
// it is another label.
func oneLine(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == 0 })
	return sys.VisibleLine(strings.ToValidUTF8(s, string(utf8.RuneError)))
}

// scalar is the text of a JSON string, number or boolean; of anything else it is
// empty.
func scalar(b []byte) string {
	var s string
	switch {
	case len(b) == 0 || bytes.Equal(b, []byte("null")) || b[0] == '[' || b[0] == '{':
		return ""
	case b[0] == '"':
		if json.Unmarshal(b, &s) != nil {
			return ""
		}
	default:
		s = string(b)
	}
	s = oneLine(s)
	if len(s) > maxText {
		s = s[:maxText]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}
