package relabel

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"auto-installer/hosts/facts"
	"auto-installer/internal/disk/block"
	"auto-installer/internal/disk/gpt"
	"auto-installer/internal/sys"
)

// Kind is what a label is to the disk.
type Kind string

const (
	FAT  Kind = "FAT label"
	Ext4 Kind = "ext4 label"
	Swap Kind = "swap label"
	LUKS Kind = "LUKS label"
	Name Kind = "partition name"
)

// Label is one label: its place, its value and its new value.
type Label struct {
	Part   string // ESP, root, LUKS or swap
	Kind   Kind
	Device string // /dev/sda1, /dev/mapper/cryptroot
	Node   string // the kernel's path of it, to which udev's links lead: /dev/dm-0
	From   string // may be empty
	To     string

	Disk      string // of a partition name: the disk's path
	Number    int    // of a partition name: the partition's number
	Subsystem string // of a LUKS label, which is written together with it
}

func (l Label) Differs() bool { return l.From != l.To }

func (l Label) set(value string) sys.Cmd {
	c := sys.Cmd{Does: fmt.Sprintf("set the %s of %s to %q", l.Kind, l.Device, value)}
	switch l.Kind {
	case FAT:
		c.Argv = []string{"fatlabel", l.Device, value}
		if value == "" {
			c.Argv = []string{"fatlabel", "--reset", l.Device}
		}
	case Ext4:
		c.Argv = []string{"e2label", l.Device, value}
	case Swap:
		c.Argv = []string{"swaplabel", "--label", value, l.Device}
	case LUKS:
		// cryptsetup clears a subsystem that is not given.
		c.Argv = []string{"cryptsetup", "config", l.Device, "--label", value, "--subsystem", l.Subsystem}
	case Name:
		c.Argv = []string{"sfdisk", "--quiet", "--lock=yes", "--part-label", l.Disk, strconv.Itoa(l.Number), value}
	}
	return c
}

// read reads the label from the disk. fs is where /dev is.
func (l Label) read(ctx context.Context, s sys.System, fs string) (string, error) {
	if l.Kind == Name {
		return partitionName(fs, l.Disk, l.Number)
	}
	sig, err := probe(ctx, s, l.Device)
	return sig.label, err
}

func partitionName(fs, disk string, number int) (string, error) {
	table, _, err := gpt.ReadFile(filepath.Join(fs, disk))
	if err != nil {
		return "", sys.WithHint(err, sys.CodeContract, "only GPT disks have partition names; mend the table with gdisk",
			"reading the partition table of "+disk)
	}
	for _, p := range table.Partitions {
		if p.Number == number {
			return p.Name, nil
		}
	}
	return "", fmt.Errorf("%s has no partition %d", disk, number)
}

func (l Label) leads(fs string) error {
	link := "/dev/disk/by-label/" + l.To
	if l.Kind == Name {
		link = "/dev/disk/by-partlabel/" + l.To
	}
	target, err := block.Resolve(fs, link)
	if err == nil && target != l.Node {
		err = fmt.Errorf("%s leads to %s and not to %s", link, target, l.Node)
	}
	return err
}

// signature is blkid's answer about a device.
type signature struct{ version, label, subsystem string }

// probe reads a device's signature from the device.
func probe(ctx context.Context, s sys.System, device string) (signature, error) {
	out, err := s.Output(ctx, sys.Cmd{
		Does: "read the signature of " + device, Quiet: true,
		// This format does not depend on the locale.
		Argv: []string{"blkid", "--probe", "--output", "udev", device},
	})
	if err != nil {
		return signature{}, sys.WithHint(err, sys.CodeMachine, "look at it with `blkid --probe`", "reading what is on "+device)
	}
	return parseProbe(string(out)), nil
}

func parseProbe(out string) signature {
	var sig signature
	for line := range strings.Lines(out) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		switch key {
		case "ID_FS_VERSION":
			sig.version = value
		case "ID_FS_LABEL_ENC":
			sig.label = facts.Refer("/dev/disk/by-label/" + value).Name // as udev escapes it
		case "ID_FS_SUBSYSTEM":
			sig.subsystem = value
		}
	}
	return sig
}
