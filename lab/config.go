package lab

// Config describes a machine to start. The zero value plus an Image is a UEFI
// machine without stick, disks or network.
type Config struct {
	// Name is the folder of transcripts, screenshots and logs, below lab/out.
	Name  string
	Image Image

	Stick bool   // boot the live system from its USB stick, first in the boot order
	Disks []Disk // in the order that the firmware tries them
	BIOS  bool   // no UEFI: SeaBIOS starts the live system's kernel directly

	Network Network
	GitDir  string // folder of bare repos for the git server, else the image's own
	Web     string // command that answers one request to http://10.0.2.100, on standard input and output

	// Kiosk makes the live system a kiosk: the program in Share runs on its
	// consoles. It needs UEFI.
	Kiosk bool

	// Saved resumes a live system that was saved when it was up, instead of booting
	// it; see saved.go. It needs UEFI, a Stick, and the default Memory.
	Saved bool

	Share  string // a folder of the host, seen as /lab in the live system
	Memory int    // MiB, else 3072
}

// Network is what a machine's network card is plugged into.
type Network int

const (
	// NoNIC leaves the machine without a network card.
	NoNIC Network = iota
	// GitServer is a private network with DHCP, on which only git://10.0.2.100
	// and Config.Web exist.
	GitServer
	// Unplugged is a network card whose cable is out; see Machine.SetLink.
	Unplugged
)

// Bus is how a disk is attached.
type Bus string

// The buses that a disk can be on.
const (
	NVMe      Bus = "nvme"
	VirtioBlk Bus = "virtio"
	USB       Bus = "usb"           // with RM=0, like many USB disks
	USBRemov  Bus = "usb-removable" // with RM=1
)

// Disk is a disk of a machine, backed by a raw image file or an NBD server.
type Disk struct {
	Path     string
	NBD      string // unix socket of an NBD server that has the image, if any
	Serial   string // also the disk's id for Machine.Unplug
	Bus      Bus    // else NVMe
	Sector   int    // bytes, logical and physical: 512 (the default) or 4096
	ReadOnly bool
}

// ID is the disk's name in /dev/disk/by-id of the live system.
func (d Disk) ID() string {
	switch d.Bus {
	case VirtioBlk:
		return "/dev/disk/by-id/virtio-" + d.Serial
	case USB, USBRemov:
		return "/dev/disk/by-id/usb-QEMU_QEMU_HARDDISK_" + d.Serial + "-0:0"
	default:
		return "/dev/disk/by-id/nvme-QEMU_NVMe_Ctrl_" + d.Serial
	}
}
