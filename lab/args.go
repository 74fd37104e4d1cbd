package lab

import (
	"fmt"
	"path/filepath"
	"strings"
)

const (
	firmwareCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	firmwareVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
)

// arguments is QEMU's command line for the machine. Its sockets, variables and
// stick overlay lie in dir.
func arguments(c Config, accel, dir string) ([]string, error) {
	var args []string
	add := func(flag, format string, values ...any) {
		args = append(args, flag, fmt.Sprintf(format, values...))
	}
	for _, path := range []string{c.Image.Dir, c.Share, c.GitDir, dir} {
		if strings.ContainsAny(path, ", ") {
			return nil, fmt.Errorf("QEMU takes no path with a comma or blank: %q", path)
		}
	}

	add("-machine", "q35")
	args = append(args, accelArgs(accel)...)
	add("-smp", "%d", or(c.CPUs, cpus(accel)))
	add("-m", "%d", or(c.Memory, 3072))
	args = append(args, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none")
	add("-device", "VGA,edid=on,xres=%d,yres=%d", or(c.Width, 640), or(c.Height, 400))
	add("-device", "virtio-rng-pci")
	add("-device", "qemu-xhci,id=xhci")
	if c.Clock != "" {
		add("-rtc", "base=%s", c.Clock)
	}

	if c.BIOS {
		line, err := c.Image.cmdline()
		if err != nil {
			return nil, err
		}
		args = append(args, "-kernel", c.Image.Kernel(), "-initrd", c.Image.Initrd(), "-append", line)
	} else {
		add("-drive", "if=pflash,format=raw,unit=0,readonly=on,file=%s", firmwareCode)
		add("-drive", "if=pflash,format=raw,unit=1,file=%s", or(c.Vars, filepath.Join(dir, "vars.fd")))
	}

	if c.Kiosk {
		// systemd-boot(7), SMBIOS TYPE 11 STRINGS
		line, err := c.Image.kiosk()
		if err != nil {
			return nil, err
		}
		add("-smbios", "type=11,value=io.systemd.boot.kernel-cmdline-extra=%s", strings.ReplaceAll(line, ",", ",,"))
	}

	add("-chardev", "socket,id=serial,path=%s", filepath.Join(dir, "serial"))
	add("-serial", "chardev:serial")
	add("-chardev", "socket,id=qmp,path=%s", filepath.Join(dir, "qmp"))
	add("-mon", "chardev=qmp,mode=control")
	add("-device", "virtio-serial-pci")
	add("-chardev", "socket,id=agent,path=%s", filepath.Join(dir, "agent"))
	add("-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0")
	if c.Share != "" {
		add("-virtfs", "local,path=%s,mount_tag=lab,security_model=none,multidevs=remap", c.Share)
	}

	switch c.Network {
	case NoNIC:
		args = append(args, "-nic", "none")
	default:
		add("-netdev", "user,id=net,restrict=on,ipv6=off,guestfwd=tcp:10.0.2.100:9418-cmd:git daemon --inetd --export-all --base-path=%s",
			or(c.GitDir, c.Image.Dir))
		add("-device", "virtio-net-pci,id=nic,netdev=net,romfile=")
	}

	boot := 1
	if c.Stick {
		add("-drive", "if=none,id=stick,format=qcow2,cache=unsafe,file=%s", filepath.Join(dir, "stick.qcow2"))
		add("-device", "usb-storage,id=LABSTICK,bus=xhci.0,drive=stick,serial=LABSTICK,removable=off,bootindex=%d", boot)
		boot++
	}
	for i, disk := range c.Disks {
		args = append(args, disk.arguments(i, boot+i)...)
	}
	return args, nil
}

// arguments are those for the disk, number i of its machine.
func (d Disk) arguments(i, boot int) []string {
	drive := fmt.Sprintf("drive%d", i)
	readonly := ""
	if d.ReadOnly {
		readonly = ",readonly=on"
	}
	file := d.Path
	if d.NBD != "" {
		file = "nbd+unix:///?socket=" + d.NBD
	}
	args := []string{"-drive", fmt.Sprintf("if=none,id=%s,format=raw,cache=unsafe,discard=unmap,file=%s%s",
		drive, strings.ReplaceAll(file, ",", ",,"), readonly)}
	sector := or(d.Sector, 512)
	common := fmt.Sprintf("id=%s,drive=%s,serial=%s,logical_block_size=%d,physical_block_size=%d,bootindex=%d",
		d.Serial, drive, d.Serial, sector, sector, boot)

	bus := ""
	if d.Hotplug && d.Bus != USB && d.Bus != USBRemov {
		args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=port%d,chassis=%d,slot=%d", i, i+1, i+1))
		bus = fmt.Sprintf(",bus=port%d", i)
	}
	switch d.Bus {
	case VirtioBlk:
		return append(args, "-device", "virtio-blk-pci,"+common+bus)
	case USB:
		return append(args, "-device", "usb-storage,bus=xhci.0,removable=off,"+common)
	case USBRemov:
		return append(args, "-device", "usb-storage,bus=xhci.0,removable=on,"+common)
	default:
		return append(args, "-device", "nvme,"+common+bus)
	}
}

// or is value, or fallback if value is not set.
func or[T comparable](value, fallback T) T {
	var unset T
	if value == unset {
		return fallback
	}
	return value
}
