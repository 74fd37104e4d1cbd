package steps

import (
	"strings"
	"testing"

	"auto-installer/steps/internal/sys"
)

func TestOnlyABlankDisk(t *testing.T) {
	if err := (Disk{Path: "/dev/sda", Blank: true}).ExpectBlank(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		disk Disk
		hint string
	}{
		{Disk{Path: "/dev/sda", byID: "/dev/disk/by-id/x"}, "--disk /dev/disk/by-id/x"},
		{Disk{Path: "/dev/sda"}, "--disk /dev/sda"},
	} {
		err := c.disk.ExpectBlank()
		e, ok := err.(*Error)
		if !ok || e.Code != sys.CodeDisk || !strings.Contains(e.Cause, "holds data") || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%v", err)
		}
	}
}
