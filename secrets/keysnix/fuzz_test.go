package keysnix

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzKeys(f *testing.F) {
	for _, c := range keysCases {
		f.Add([]byte(keysText(c.src)))
	}
	for _, v := range allVariants()[:20] {
		f.Add(v.src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		before := bytes.Clone(src)
		keys, err := Keys(src)
		if err != nil {
			if _, ok := errors.AsType[*ShapeError](err); !ok {
				t.Errorf("an error of another kind: %v", err)
			}
		}
		if e, err := added(src, "fuzzed", keyN); err == nil {
			if k, err := KeyOf(e.Data, "fuzzed"); err != nil || k != keyN {
				t.Errorf("the key that was added is %v, %v", k, err)
			}
			for key, name := range keys {
				if !bytes.Contains(e.Data, []byte(key)) {
					t.Errorf("%s lost its key", name)
				}
			}
		}
		for _, name := range keys {
			// Of two keys with one name, the host's own is replaced.
			own, _ := KeyOf(src, name)
			if e, err := replaced(src, name, keyN); err == nil && len(e.Data) != len(src)-len(own)+len(keyN) {
				t.Error("replacing a key changed something else")
			}
		}
		c := Claim{Host: "fuzzed", Key: keyN}
		if list, _, err := c.propose(src); err == nil && list[len(list)-1].Hand != c.ForRules() {
			t.Error("there is no line for the user")
		}
		if !bytes.Equal(src, before) {
			t.Error("the file that was read is changed")
		}
	})
}
