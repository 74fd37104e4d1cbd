package contract

import (
	"errors"
	"strings"
	"testing"

	"auto-installer/internal/sys"
)

// TestLesson16MapperNamesAgree (see docs/reliability.md): the mapper that the
// install opens must be the one that the host's own configuration opens at its
// start, or nothing is written.
func TestLesson16MapperNamesAgree(t *testing.T) {
	host := fitting()
	device, ok := host.LUKSDevices[made().LUKS.MapperName]
	if !ok {
		t.Fatalf("%+v proves nothing", host.LUKSDevices)
	}
	if _, err := run(t, options(t, host)); err != nil {
		t.Fatal(err)
	}
	delete(host.LUKSDevices, made().LUKS.MapperName)
	host.LUKSDevices["stygiancrypt"] = device
	withRoot(host, "/dev/mapper/stygiancrypt", "ext4") // by its label it would be found
	_, err := run(t, options(t, host))
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok || f.Code != sys.CodeContract || f.Hint == "" || !strings.Contains(f.Cause, `as "stygiancrypt"`) || !strings.Contains(f.Cause, made().LUKS.MapperName) {
		t.Errorf("%+v", err)
	}
}
