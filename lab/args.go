package lab

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

const (
	firmwareCode = "/usr/share/OVMF/OVMF_CODE_4M.fd"
	firmwareVars = "/usr/share/OVMF/OVMF_VARS_4M.fd"
)

// ports is how many PCI Express slots a saved machine has: one each for the
// network card, the shared folder, and the disks that are not on USB.
const ports = 8

// arguments returns QEMU's command line for the machine. Its sockets, variables and
// stick overlay are in dir; saved is set for a machine that is being saved or resumed.
func arguments(c Config, accel, dir string, saved *saved) ([]string, error) {
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
	add("-smp", "%d", cpus(accel))
	add("-m", "%d", or(c.Memory, usualMemory))
	args = append(args, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none")
	// With the kernel's 8×16 font this gives 80×25 characters, the smallest console in use.
	add("-device", "VGA,edid=on,xres=640,yres=400")
	add("-device", "virtio-rng-pci")
	add("-device", "qemu-xhci,id=xhci")
	if c.BIOS {
		line, err := c.Image.cmdline()
		if err != nil {
			return nil, err
		}
		args = append(args, "-kernel", c.Image.Kernel(), "-initrd", c.Image.Initrd(), "-append", line)
	} else {
		add("-drive", "if=pflash,format=raw,unit=0,readonly=on,file=%s", firmwareCode)
		add("-drive", "if=pflash,format=raw,unit=1,file=%s", filepath.Join(dir, "vars.fd"))
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
	if c.Stick {
		add("-drive", "if=none,id=stick,format=qcow2,cache=unsafe,file=%s", filepath.Join(dir, "stick.qcow2"))
		add("-device", "usb-storage,id=LABSTICK,bus=xhci.0,drive=stick,serial=LABSTICK,removable=off,bootindex=1")
	}
	slots := c.slots()
	if saved != nil {
		slots = ports
	}
	for n := range slots {
		add("-device", "pcie-root-port,id=port%d,chassis=%d,slot=%d", n, n+1, n+1)
	}
	args = append(args, c.backends()...)
	if saved != nil {
		return append(args, saved.arguments()...), nil
	}
	for _, d := range c.devices() {
		text, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		args = append(args, "-device", string(text))
	}
	return args, nil
}

// backends returns what is behind the devices: folders, networks and images of the host.
func (c Config) backends() (args []string) {
	if c.Share != "" {
		args = append(args, "-fsdev", "local,id=share,security_model=none,multidevs=remap,path="+c.Share)
	}
	if c.Network != NoNIC {
		net := "user,id=net,restrict=on,ipv6=off," +
			"guestfwd=tcp:10.0.2.100:9418-cmd:git daemon --inetd --export-all --base-path=" + or(c.GitDir, c.Image.Dir)
		if c.Web != "" {
			net += ",guestfwd=tcp:10.0.2.100:80-cmd:" + c.Web
		}
		args = append(args, "-netdev", net)
	}
	for _, d := range c.Disks {
		args = append(args, "-drive", d.drive())
	}
	return args
}

func (d Disk) driveID() string { return "drive-" + d.Serial }

// drive returns QEMU's argument for the disk's image.
func (d Disk) drive() string {
	file := d.Path
	if d.NBD != "" {
		file = "nbd+unix:///?socket=" + d.NBD
	}
	readonly := ""
	if d.ReadOnly {
		readonly = ",readonly=on"
	}
	return fmt.Sprintf("if=none,id=%s,format=raw,cache=unsafe,discard=unmap,file=%s%s",
		d.driveID(), strings.ReplaceAll(file, ",", ",,"), readonly)
}

// device is a QEMU device as its properties: QMP's device_add takes them, and -device
// takes them as JSON.
type device map[string]any

// devices returns the devices that only this machine has. They can be plugged into a
// running machine.
func (c Config) devices() (all []device) {
	slot := 0
	plug := func(d device) {
		if d["bus"] == nil {
			d["bus"] = fmt.Sprintf("port%d", slot)
			slot++
		}
		all = append(all, d)
	}
	if c.Share != "" {
		plug(device{"driver": "virtio-9p-pci", "fsdev": "share", "mount_tag": "lab"})
	}
	if c.Network != NoNIC {
		plug(device{"driver": "virtio-net-pci", "id": "nic", "netdev": "net", "romfile": ""})
	}
	for n, d := range c.Disks {
		disk := d.device()
		if !c.Saved { // a saved machine does not boot
			disk["bootindex"] = n + 2
		}
		plug(disk)
	}
	return all
}

// slots counts the devices that take a PCI Express slot.
func (c Config) slots() int {
	return len(slices.DeleteFunc(c.devices(), func(d device) bool { return d["bus"] == usbBus }))
}

const usbBus = "xhci.0"

// device returns the disk's own device.
func (d Disk) device() device {
	sector := or(d.Sector, 512)
	disk := device{
		"driver": "nvme", "id": d.Serial, "serial": d.Serial, "drive": d.driveID(),
		"logical_block_size": sector, "physical_block_size": sector,
	}
	switch d.Bus {
	case VirtioBlk:
		disk["driver"] = "virtio-blk-pci"
	case USB, USBRemov:
		disk["driver"], disk["bus"], disk["removable"] = "usb-storage", usbBus, d.Bus == USBRemov
	}
	return disk
}

// or returns value, or fallback if value is zero.
func or[T comparable](value, fallback T) T {
	var unset T
	if value == unset {
		return fallback
	}
	return value
}
