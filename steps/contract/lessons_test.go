package contract

import (
	"errors"
	"strings"
	"testing"

	"auto-installer/steps/internal/sys"
)

// TestLesson16MapperNamesAgree (see docs/reliability.md): the mapper that the
// install opens must be the one that the host's own configuration opens at its
// start, or nothing is written.
func TestLesson16MapperNamesAgree(t *testing.T) {
	facts := fitting()
	device, ok := facts.LUKSDevices[made().Mapper]
	if !ok {
		t.Fatalf("%+v proves nothing", facts.LUKSDevices)
	}
	if _, err := run(t, options(t, facts)); err != nil {
		t.Fatal(err)
	}
	delete(facts.LUKSDevices, made().Mapper)
	facts.LUKSDevices["stygiancrypt"] = device
	facts.set("/", "/dev/mapper/stygiancrypt", "ext4") // by its label it would be found
	_, err := run(t, options(t, facts))
	f, ok := errors.AsType[*sys.Fault](err)
	if !ok || f.Code != sys.CodeContract || f.Hint == "" || !strings.Contains(f.Cause, `as "stygiancrypt"`) || !strings.Contains(f.Cause, made().Mapper) {
		t.Errorf("%+v", err)
	}
}
