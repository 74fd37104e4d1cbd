package block

import (
	"bytes"
	"testing"

	"github.com/moby/sys/mountinfo"
)

// FuzzMounts: users who may mount choose names in mountinfo.
func FuzzMounts(f *testing.F) {
	f.Add([]byte("36 35 98:0 /a /mnt\\0402 rw,noatime master:1 - overlay /dev/root rw,lowerdir=/a\\:b:/c\\054d,upperdir=/u\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		infos, _ := mountinfo.GetMountsFromReader(bytes.NewReader(data), nil)
		for _, m := range mountsOf(infos) {
			m.layers()
		}
	})
}
