package encrypt

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

const secret = "correct horse battery staple"

func options() Options {
	return Options{Device: "/dev/x2", Label: "T-LUKS", Mapper: "tcrypt", Passphrase: []byte(secret)}
}

var argvs = [][]string{
	{"cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "argon2id", "--label", "T-LUKS", "--key-file", "-", "/dev/x2"},
	{"cryptsetup", "open", "--type", "luks2", "--test-passphrase", "--key-file", "-", "/dev/x2"},
	{"cryptsetup", "open", "--type", "luks2", "--allow-discards", "--key-file", "-", "/dev/x2", "tcrypt"},
}

func TestCommands(t *testing.T) {
	f := sys.NewFake(t)
	for _, argv := range argvs {
		f.Expect(argv...)
	}
	f.Expect("cryptsetup", "close", "tcrypt")
	if err := enginetest.Run(t.Context(), f, Ops(options())...); err != nil {
		t.Fatal(err)
	}
	for _, c := range f.Ran {
		if string(c.Stdin) != secret || c.Secret == "" {
			t.Errorf("%s: wrong input, or not marked as a secret", c)
		}
	}
	if err := f.Unwind(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSecretIsNowhere(t *testing.T) {
	actions, err := json.Marshal(enginetest.Shown(Ops(options())...))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(actions), "horse") {
		t.Errorf("%s", actions)
	}
	for _, argv := range argvs {
		if strings.Contains(strings.Join(argv, " "), "horse") {
			t.Errorf("%q", argv)
		}
	}
}

func TestFailures(t *testing.T) {
	for failing := range argvs {
		t.Run(fmt.Sprint("command ", failing), func(t *testing.T) {
			f := sys.NewFake(t)
			for i, argv := range argvs[:failing+1] {
				if c := f.Expect(argv...); i == failing {
					c.Fails(2, "No key available with this passphrase.")
				}
			}
			err := enginetest.Run(t.Context(), f, Ops(options())...)
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Code != sys.CodeWritten || fault.Hint == "" || !strings.Contains(fault.Cause, "No key available") {
				t.Errorf("%+v", err)
			}
			if strings.Contains(fmt.Sprintf("%+v %#v", err, err), "horse") {
				t.Errorf("the error holds the passphrase: %+v", err)
			}
			if err := f.Unwind(t.Context()); err != nil { // no container was opened
				t.Error(err)
			}
		})
	}
}

// The real cryptsetup runs the same commands, as far as they need no root: it creates the
// container in a file, and its header opens only with every byte of the passphrase.
func TestRealHeader(t *testing.T) {
	if _, err := exec.LookPath("cryptsetup"); err != nil {
		t.Fatal("cryptsetup is needed: ./bootstrap installs it")
	}
	o := options()
	o.Passphrase = []byte("pass \xc3\xbc'\"\\ $x")
	o.Device = filepath.Join(t.TempDir(), "luks.img")
	if err := os.WriteFile(o.Device, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(o.Device, 64<<20); err != nil {
		t.Fatal(err)
	}
	undos, err := sys.OpenUndoStack(filepath.Join(t.TempDir(), "undo.json"))
	if err != nil {
		t.Fatal(err)
	}
	said := &lines{}
	m := &sys.Machine{Reporter: said, Undos: undos}
	quick := formatCmd(o)
	// The default spends 2 s and 1 GiB on the key; argon2id stays.
	quick.Argv = append(quick.Argv[:len(quick.Argv)-1:len(quick.Argv)-1],
		"--pbkdf-memory", "32768", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1", o.Device)
	if err := m.Run(t.Context(), quick); err != nil {
		t.Fatal(err)
	}
	o.RecoveryKey = []byte("cbdefghijklnrtuvcbdefghijklnrtuv")
	add := addRecovery(o)
	add.Argv = append(add.Argv, "--pbkdf-memory", "32768", "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1")
	for _, c := range []sys.Cmd{
		testCmd(o, "passphrase", o.Passphrase), add,
		testCmd(o, "recovery key", o.RecoveryKey), testCmd(o, "passphrase", o.Passphrase),
	} {
		if err := m.Run(t.Context(), c); err != nil {
			t.Errorf("to %s: %v", c.Does, err)
		}
	}
	wrong := o
	wrong.Passphrase = append([]byte(nil), o.Passphrase[:len(o.Passphrase)-1]...)
	if e, ok := errors.AsType[*sys.ExitError](m.Run(t.Context(), testCmd(wrong, "passphrase", wrong.Passphrase))); !ok || e.Exit != 2 {
		t.Errorf("a wrong passphrase: %v", e)
	}
	out, err := m.Output(t.Context(), sys.Cmd{Argv: []string{"cryptsetup", "luksDump", o.Device}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"argon2id", "T-LUKS", "aes-xts-plain64"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if all := strings.Join(*said, "\n"); strings.Contains(all, "pass ") || strings.Contains(all, "cbdefg") {
		t.Errorf("the passphrase was said: %q", *said)
	}
}

type lines []string

func (l *lines) Command(c sys.Cmd)     { *l = append(*l, c.String()) }
func (l *lines) Log(line string)       { *l = append(*l, line) }
func (l *lines) Warn(line string)      { *l = append(*l, line) }
func (l *lines) Proven(line string)    { *l = append(*l, line) }
func (l *lines) Waiting(sys.Waiting)   {}
func (*lines) Progress(_ sys.Progress) {}

// A key that does not open the container is a wrong answer; any other failure is not.
func TestTry(t *testing.T) {
	o := options()
	o.RecoveryKey = []byte("cbdefghijklnrtuvcbdefghijklnrtuv")
	argv := testCmd(o, "", nil).Argv
	for _, c := range []struct {
		name  string
		exits []int // of each test
		code  sys.Code
		say   string
	}{
		{"both open it", []int{0, 0}, sys.CodeOK, ""},
		{"a wrong passphrase", []int{2}, sys.CodeUsage, "the passphrase does not open"},
		{"a wrong recovery key", []int{0, 2}, sys.CodeUsage, "the recovery key does not open"},
		{"a failure", []int{1}, sys.CodeUnexpected, "to try the passphrase"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := sys.NewFake(t)
			f.Expect(dumpCmd(o).Argv...).Prints(header)
			for _, exit := range c.exits {
				if call := f.Expect(argv...); exit != 0 {
					call.Fails(exit, "")
				}
			}
			err := enginetest.Check(t.Context(), f, TryOps(o)...)
			if c.code == sys.CodeOK {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if fault, ok := errors.AsType[*sys.Fault](err); !ok || fault.Code != c.code || fault.Hint == "" || !strings.Contains(fault.Cause, c.say) {
				t.Errorf("%+v", err)
			}
		})
	}
}
