package bootproof

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"auto-installer/internal/boot/bls"
	"auto-installer/internal/boot/efi"
	"auto-installer/internal/disk/fat"
	"auto-installer/internal/sys"
)

// otherMenu finds the kernel on an ESP without systemd-boot's files: GRUB starts
// it, or the firmware starts a unified kernel itself.
func (p *proof) otherMenu(s sys.System) (string, error) {
	for _, name := range []string{"grub/grub.cfg", "EFI/BOOT/grub.cfg"} {
		text, err := p.text(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			return p.grubMenu(s, name, text)
		}
		return "", err
	}
	name := efi.Removable(p.arch())
	if i, err := p.program(name); err == nil && i.Unified() {
		p.line = i.CommandLine()
		p.entry = &bls.Entry{File: name, UKI: "/" + name, TriesLeft: -1}
		return "the firmware starts the unified kernel " + name + " itself", nil
	}
	if p.o.Facts.Loader.Other() {
		s.Warn("the installer cannot read the menu of the host's boot loader: which kernel it starts is not proven")
		return "", nil
	}
	return "", errors.New("the ESP has no configuration of systemd-boot (loader/loader.conf) or GRUB (grub/grub.cfg)")
}

// grubMenu finds the first entry of a grub.cfg, as NixOS writes it. A grub.cfg
// is a program; only GRUB knows what it does, so the warning says so.
func (p *proof) grubMenu(s sys.System, name, text string) (string, error) {
	e := grubEntry(text)
	if e.Linux == "" {
		return "", fmt.Errorf("%s starts no kernel", name)
	}
	e.File = "of " + name
	p.entry, p.line, p.grub = &e, e.Options, true
	s.Warn("GRUB's menu was read, not run: that GRUB finds its " + name + " and starts the first entry is not proven")
	return fmt.Sprintf("the first entry of %s starts %s", name, e.Linux), nil
}

// grubEntry is the first kernel of a grub.cfg with its initrds.
func grubEntry(text string) bls.Entry {
	e := bls.Entry{TriesLeft: -1}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "linux", "linuxefi":
			if e.Linux != "" {
				return e
			}
			e.Linux, e.Options = grubPath(words[1]), strings.Join(words[2:], " ")
		case "initrd", "initrdefi":
			if e.Linux == "" {
				continue
			}
			for _, w := range words[1:] {
				e.Initrds = append(e.Initrds, grubPath(w))
			}
		}
	}
	return e
}

// grubPath removes the device before a path: ($drive1)/kernels/k.
func grubPath(word string) string {
	if i := strings.IndexByte(word, ')'); strings.HasPrefix(word, "(") && i > 0 {
		word = word[i+1:]
	}
	return "/" + fat.Path(word)
}
