package block

import "fmt"

// Identity is what a disk is known again by.
type Identity struct {
	Path          string `json:"path"`
	WWN           string `json:"wwn,omitempty"`
	Serial        string `json:"serial,omitempty"`
	Model         string `json:"model,omitempty"`
	Size          int64  `json:"size"`          // bytes
	LogicalSector int    `json:"logicalSector"` // bytes
	PTUUID        string `json:"ptUUID,omitempty"`
	DevNo         string `json:"devNo"`
	// DiskSeq is of this boot and of this time of being plugged in, see Lasting.
	DiskSeq uint64 `json:"diskSeq,omitempty"`
}

// IdentityOf notes what a device is known again by.
func IdentityOf(d Device) Identity {
	return Identity{
		Path: d.Path, WWN: d.WWN, Serial: d.Serial, Model: d.Model, Size: d.Size,
		LogicalSector: d.LogicalSector, PTUUID: d.PTUUID, DevNo: d.DevNo, DiskSeq: d.DiskSeq,
	}
}

// Lasting is the identity for what may be read after a restart.
func (id Identity) Lasting() Identity {
	id.DiskSeq = 0
	return id
}

// Same tells if other is the same disk with the same partition table, and if
// not, why. WWN and serial number must agree if either disk has one; the path
// may change if they do. Without them, path and device number must agree. A
// disk that came later is another one, however much it looks like the first.
func (id Identity) Same(other Identity) (same bool, why string) {
	differ := func(what, was, is string) (bool, string) {
		return false, fmt.Sprintf("its %s was %s and is %s now", what, orNone(was), orNone(is))
	}
	switch {
	case id.WWN != other.WWN:
		return differ("WWN", id.WWN, other.WWN)
	case id.Serial != other.Serial:
		return differ("serial number", id.Serial, other.Serial)
	case id.Model != other.Model:
		return differ("model", id.Model, other.Model)
	case id.Size != other.Size:
		return differ("size", fmt.Sprintf("%d bytes", id.Size), fmt.Sprintf("%d bytes", other.Size))
	case id.LogicalSector != other.LogicalSector:
		return differ("sector size", fmt.Sprint(id.LogicalSector), fmt.Sprint(other.LogicalSector))
	case id.DiskSeq != other.DiskSeq && id.DiskSeq != 0 && other.DiskSeq != 0:
		return false, "a disk was attached in its place since"
	case id.PTUUID != other.PTUUID:
		return differ("partition table", id.PTUUID, other.PTUUID)
	case id.WWN == "" && id.Serial == "" && id.Path != other.Path:
		return differ("path", id.Path, other.Path)
	case id.WWN == "" && id.Serial == "" && id.DevNo != other.DevNo:
		return differ("device number", id.DevNo, other.DevNo)
	}
	return true, ""
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
