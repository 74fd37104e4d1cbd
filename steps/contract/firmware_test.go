package contract

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/hosts/facts"
	"auto-installer/internal/sys"
)

func TestStarts(t *testing.T) {
	systemdBoot, grub := facts.Loader{SystemdBoot: true}, facts.Loader{Grub: facts.Grub{Enable: true, EFISupport: true}}
	touches := facts.Loader{SystemdBoot: true, CanTouchEFIVariables: true}
	good := firmware{variables: true, room: 30000}
	secure := firmware{variables: true, room: 30000, secureBoot: true}
	for _, c := range []struct {
		name string
		l    facts.Loader
		f    firmware
		bad  string
	}{
		{"as it should be", touches, good, ""},
		{"Secure Boot, systemd-boot", systemdBoot, secure, "the host's systemd-boot has no signature"},
		{"Secure Boot, GRUB", grub, secure, "the host's GRUB has no signature"},
		{"Secure Boot, signed", facts.Loader{Lanzaboote: true}, secure, ""},
		{"Secure Boot, a loader that is not known", facts.Loader{Limine: true}, secure, ""},
		{"no variables, and they are not touched", systemdBoot, firmware{room: -1}, ""},
		{"no variables", touches, firmware{room: -1}, "variables cannot be read"},
		{"no room, and none is needed", systemdBoot, firmware{variables: true}, ""},
		{"no room", touches, firmware{variables: true, room: minVariables - 1}, "2047 bytes for variables are left"},
		{"just enough room", touches, firmware{variables: true, room: minVariables}, ""},
		{"room that is not known", touches, firmware{variables: true, room: -1}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := &facts.Comparison{}
			judgeFirmware(got, c.l, c.f)
			said := ""
			for _, m := range got.Mismatches {
				said += m.Problem
			}
			if c.bad == "" && said != "" || !strings.Contains(said, c.bad) {
				t.Errorf("%q", said)
			}
		})
	}
}

func TestFirmwareIsRead(t *testing.T) {
	o := options(t, fitting())
	o.Sys = t.TempDir()
	vars := filepath.Join(o.Sys, "sys/firmware/efi/efivars")
	file := filepath.Join(vars, "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")
	for name, on := range map[string]byte{"on": 1, "off": 0} {
		if err := errors.Join(os.MkdirAll(vars, 0o755), os.WriteFile(file, []byte{6, 0, 0, 0, on}, 0o600)); err != nil {
			t.Fatal(err)
		}
		said, err := run(t, o)
		fault, refused := errors.AsType[*sys.Fault](err)
		if refused != (on == 1) || refused && (fault.Code != sys.CodeContract || !strings.Contains(fault.Cause, "Secure Boot is on")) {
			t.Errorf("%s: %+v\n%s", name, err, said)
		}
	}
	// Without UEFI, or without readable variables, all is unknown.
	for _, root := range []string{t.TempDir(), filepath.Join(o.Sys, "sys")} {
		if f, err := readFirmware(root); err != nil || f != (firmware{room: -1}) {
			t.Errorf("%+v, %v", f, err)
		}
	}
}
