package format

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"auto-installer/steps/internal/sys"
)

var plain = Options{ESP: "/dev/x1", ESPLabel: "T-EFI", Root: "/dev/x2", RootLabel: "T-ROOT"}

var cases = []struct {
	name  string
	o     Options
	argvs [][]string
}{
	{"plain", plain, [][]string{
		{"mkfs.vfat", "-F", "32", "-n", "T-EFI", "/dev/x1"},
		{"mkfs.ext4", "-q", "-L", "T-ROOT", "/dev/x2"},
		{"udevadm", "settle", "--timeout=30"},
	}},
	{"swap", Options{"/dev/x1", "T-EFI", "/dev/mapper/c", "T-ROOT", "/dev/x3", "T-SWAP"}, [][]string{
		{"mkfs.vfat", "-F", "32", "-n", "T-EFI", "/dev/x1"},
		{"mkfs.ext4", "-q", "-L", "T-ROOT", "/dev/mapper/c"},
		{"mkswap", "-L", "T-SWAP", "/dev/x3"},
		{"udevadm", "settle", "--timeout=30"},
	}},
	{"a swap label without a swap makes none", func() Options { o := plain; o.SwapLabel = "T-SWAP"; return o }(), [][]string{
		{"mkfs.vfat", "-F", "32", "-n", "T-EFI", "/dev/x1"},
		{"mkfs.ext4", "-q", "-L", "T-ROOT", "/dev/x2"},
		{"udevadm", "settle", "--timeout=30"},
	}},
}

func TestActionsAreWhatRunRuns(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f := sys.NewFake(t)
			for _, argv := range c.argvs {
				f.Expect(argv...)
			}
			if err := Run(t.Context(), f, c.o); err != nil {
				t.Fatal(err)
			}
			if got := sys.Actions(f.Ran...); !reflect.DeepEqual(got, Actions(c.o)) {
				t.Errorf("ran\n%+v, said\n%+v", got, Actions(c.o))
			}
		})
	}
}

func TestFailures(t *testing.T) {
	c := cases[1]
	for failing := range c.argvs {
		t.Run(fmt.Sprint("command ", failing), func(t *testing.T) {
			f := sys.NewFake(t)
			for i, argv := range c.argvs[:failing+1] {
				if call := f.Expect(argv...); i == failing {
					call.Fails(1, "no space")
				}
			}
			fault, ok := errors.AsType[*sys.Fault](Run(t.Context(), f, c.o))
			if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" || !strings.Contains(fault.Cause, "no space") {
				t.Errorf("%+v", fault)
			}
		})
	}
}
