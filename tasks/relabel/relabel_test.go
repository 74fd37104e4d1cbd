package relabel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/engine/enginetest"
	"auto-installer/internal/sys"
)

// blkid answers probes, and passes other commands to the Fake.
type blkid struct {
	*sys.Fake
	labels map[string]string
}

func (b *blkid) Output(ctx context.Context, c sys.Cmd) ([]byte, error) {
	if c.Argv[0] != "blkid" {
		return b.Fake.Output(ctx, c)
	}
	return []byte("ID_FS_LABEL_ENC=" + b.labels[c.Argv[len(c.Argv)-1]] + "\nID_FS_VERSION=2\n"), nil
}

// host is a made-up machine whose commands change the answers of blkid and the
// links.
type host struct {
	blkid
	t     *testing.T
	fs    string
	lsblk string
	fails string // the command that fails
	ran   []string
	undos []sys.Cmd
	kept  bool
}

func newHost(t *testing.T, m machine, o *Find) *host {
	fs := m.lay(t)
	o.FS = fs
	return &host{
		blkid: blkid{labels: map[string]string{"/dev/nvme0n1p1": "OLD-EFI", "/dev/nvme0n1p2": "OLD-ROOT"}},
		t:     t, fs: fs, lsblk: m.json(),
	}
}

func (h *host) Output(ctx context.Context, c sys.Cmd) ([]byte, error) {
	if c.Argv[0] == "lsblk" {
		return []byte(h.lsblk), nil
	}
	return h.blkid.Output(ctx, c)
}

func (h *host) Run(ctx context.Context, c sys.Cmd) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	argv := c.Argv
	h.ran = append(h.ran, c.String())
	if h.fails != "" && strings.HasPrefix(c.String(), h.fails) {
		h.fails = ""
		return &sys.ExitError{Argv: argv, Exit: 1, Tail: []string{"it does not work"}}
	}
	switch argv[0] {
	case "fatlabel", "e2label":
		h.labels[argv[1]] = argv[2]
	case "swaplabel":
		h.labels[argv[3]] = argv[2]
	case "sfdisk":
		real := append(slices.Clone(argv[:4]), filepath.Join(h.fs, argv[4]), argv[5], argv[6])
		tool(h.t, "", real[0], real[1:]...)
	case "udevadm":
		if argv[1] == "trigger" {
			h.links()
		}
	case "umount", "mount", "swapoff", "swapon":
	default:
		h.t.Errorf("unexpected command: %s", c)
	}
	return nil
}

// links makes udev's links.
func (h *host) links() {
	dir := filepath.Join(h.fs, "dev/disk")
	if err := os.RemoveAll(dir); err != nil {
		h.t.Fatal(err)
	}
	for i := 1; i <= 3; i++ {
		name, err := partitionName(h.fs, "/dev/nvme0n1", i)
		if err != nil {
			h.t.Fatal(err)
		}
		node := fmt.Sprintf("nvme0n1p%d", i)
		for by, label := range map[string]string{"by-label": h.labels["/dev/"+node], "by-partlabel": name} {
			if label == "" {
				continue
			}
			if err := errors.Join(os.MkdirAll(filepath.Join(dir, by), 0o755), os.Symlink("../../"+node, filepath.Join(dir, by, label))); err != nil {
				h.t.Fatal(err)
			}
		}
	}
}

func (h *host) Do(ctx context.Context, c, undo sys.Cmd) error {
	err := h.Run(ctx, c)
	if err == nil {
		h.undos = append(h.undos, undo)
	}
	return err
}

func (h *host) Unwind(ctx context.Context) error {
	var errs []error
	for _, c := range slices.Backward(h.undos) {
		errs = append(errs, h.Run(ctx, c))
	}
	h.undos = nil
	return errors.Join(errs...)
}

func (h *host) Keep() error     { h.undos, h.kept = nil, true; return nil }
func (h *host) Log(line string) { h.ran = append(h.ran, "# "+line) }

// commands are the commands that ran.
func (h *host) commands() []string {
	return slices.DeleteFunc(slices.Clone(h.ran), func(c string) bool { return strings.HasPrefix(c, "# ") })
}

func found(t *testing.T, h *host, o Find) Options {
	t.Helper()
	l, err := o.Run(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return Options{Find: o, Layout: l}
}

func TestRun(t *testing.T) {
	t.Parallel()
	o := plainFind
	h := newHost(t, plain(), &o)
	h.labels["/dev/nvme0n1p3"] = ""
	opts := found(t, h, o)
	if err := enginetest.Run(t.Context(), h, Ops(opts)...); err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, argv := range enginetest.Commands(enginetest.Shown(Ops(opts)...)) {
		said = append(said, sys.Quote(argv))
	}
	if ran := h.commands()[1:]; !slices.Equal(said, ran) { // the first only registers the undo
		t.Errorf("said\n%s\nran\n%s", strings.Join(said, "\n"), strings.Join(ran, "\n"))
	}
	if !h.kept || len(said) != 11 || said[0] != "umount /boot" || said[1] != "swapoff /dev/nvme0n1p3" ||
		!strings.HasPrefix(said[9], "mount -t vfat -o rw,nosuid,relatime,fmask=0077") || said[10] != "swapon --priority 5 /dev/nvme0n1p3" {
		t.Errorf("kept is %v; ran\n%s", h.kept, strings.Join(said, "\n"))
	}
	// A second run has nothing to do.
	again := found(t, h, o)
	if len(again.Layout.Changes()) != 0 || len(enginetest.Shown(Ops(again)...)) != 1 {
		t.Errorf("%+v", again.Layout.Changes())
	}
	h.ran = nil
	if err := enginetest.Run(t.Context(), h, Ops(again)...); err != nil || len(h.commands()) != 0 {
		t.Errorf("%v, %q", err, h.ran)
	}
}

// Whichever command fails, every old label is restored.
func TestFailures(t *testing.T) {
	t.Parallel()
	for fails, code := range map[string]sys.Code{
		"umount": sys.CodeGate, "swapoff": sys.CodeGate, "fatlabel": sys.CodeWritten, "e2label": sys.CodeWritten, "swaplabel": sys.CodeWritten,
		"sfdisk --quiet --lock=yes --part-label /dev/nvme0n1 2": sys.CodeWritten, "udevadm trigger": sys.CodeWritten,
	} {
		t.Run(fails, func(t *testing.T) {
			t.Parallel()
			o := plainFind
			h := newHost(t, plain(), &o)
			opts := found(t, h, o)
			h.fails = fails
			err := enginetest.Run(t.Context(), h, Ops(opts)...)
			fault, ok := errors.AsType[*sys.Fault](err)
			if !ok || fault.Code != code || fault.Hint == "" || !strings.HasPrefix(fault.Cause, "nothing was changed: ") || !strings.Contains(fault.Cause, "it does not work") {
				t.Errorf("%+v", err)
			}
			asBefore(t, h, opts)
		})
	}
}

func asBefore(t *testing.T, h *host, opts Options) {
	t.Helper()
	after, err := opts.Find.Run(t.Context(), h)
	if err != nil || !slices.Equal(after.Labels, opts.Layout.Labels) || len(h.undos) != 0 || h.kept {
		t.Errorf("%v: the labels are\n%+v, and were\n%+v", err, after, opts.Layout)
	}
	if n := len(h.ran); n > 0 && slices.Contains(h.commands(), "umount /boot") && !strings.Contains(strings.Join(h.ran, "\n"), "every old label is restored") {
		t.Errorf("no message:\n%s", strings.Join(h.ran, "\n"))
	}
}

// A signal stops it between two labels and interrupts no command.
func TestStopped(t *testing.T) {
	t.Parallel()
	o := plainFind
	h := newHost(t, plain(), &o)
	opts := found(t, h, o)
	ctx, cancel := context.WithCancelCause(t.Context())
	signal := errors.New("stopped")
	s := &stopping{h, "e2label", func() { cancel(signal) }}
	if err := enginetest.Run(ctx, s, Ops(opts)...); !errors.Is(err, signal) {
		t.Errorf("%v", err)
	}
	if ran := strings.Join(h.commands(), "\n"); strings.Contains(ran, "swaplabel") || strings.Count(ran, "e2label") != 2 {
		t.Errorf("ran\n%s", ran)
	}
	asBefore(t, h, opts)
}

// stopping calls stop while a command runs.
type stopping struct {
	*host
	at   string
	stop func()
}

func (s *stopping) Do(ctx context.Context, c, undo sys.Cmd) error {
	if c.Argv[0] == s.at {
		s.stop()
	}
	return s.host.Do(ctx, c, undo)
}

// If a label cannot be restored, the hint has the command for it.
func TestNotRestored(t *testing.T) {
	t.Parallel()
	o := plainFind
	h := newHost(t, plain(), &o)
	opts := found(t, h, o)
	h.fails = "swaplabel"
	s := &stopping{h, "swaplabel", func() { h.undos = h.undos[:0] }}
	fault, ok := errors.AsType[*sys.Fault](enginetest.Run(t.Context(), s, Ops(opts)...))
	if !ok || !strings.Contains(fault.Hint, "e2label /dev/nvme0n1p2 OLD-ROOT") || !strings.Contains(fault.Cause, "not every old label") {
		t.Errorf("%+v", fault)
	}
}

// A link that leads elsewhere is a failure: the host would boot from there.
func TestWrongLink(t *testing.T) {
	t.Parallel()
	o := plainFind
	h := newHost(t, plain(), &o)
	opts := found(t, h, o)
	s := &misleading{h}
	fault, ok := errors.AsType[*sys.Fault](enginetest.Run(t.Context(), s, Ops(opts)...))
	if !ok || !strings.Contains(fault.Cause, "by-label/T-ROOT leads to /dev/sda1 and not to /dev/nvme0n1p2") {
		t.Errorf("%+v", fault)
	}
	asBefore(t, h, opts)
}

type misleading struct{ *host }

func (m *misleading) Run(ctx context.Context, c sys.Cmd) error {
	err := m.host.Run(ctx, c)
	link := filepath.Join(m.fs, "dev/disk/by-label/T-ROOT")
	if c.Argv[1] == "settle" && os.Remove(link) == nil {
		write(m.t, m.fs, "dev/sda1", "")
		err = os.Symlink("../../sda1", link)
	}
	return err
}

// A disk that differs from the shown one is not changed.
func TestAnotherDisk(t *testing.T) {
	t.Parallel()
	o := plainFind
	h := newHost(t, plain(), &o)
	opts := found(t, h, o)
	h.lsblk = strings.Replace(h.lsblk, `"ptuuid":"x"`, `"ptuuid":"y"`, 1)
	fault, ok := errors.AsType[*sys.Fault](enginetest.Run(t.Context(), h, Ops(opts)...))
	if !ok || fault.Code != sys.CodeGate || len(h.ran) != 0 {
		t.Errorf("%+v, %q", fault, h.ran)
	}
}

// The real tools set every kind of label on an image, and restore the old one.
func TestRealTools(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	image := func(name string, argv ...string) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 48<<20)); err != nil {
			t.Fatal(err)
		}
		if len(argv) > 0 {
			tool(t, "x", argv[0], append(argv[1:], path)...)
		}
		return path
	}
	disk := image("disk")
	table(t, disk, []string{"one", "two"})
	container := image("luks", "cryptsetup", "luksFormat", "--batch-mode", "--type", "luks2", "--pbkdf", "pbkdf2",
		"--pbkdf-force-iterations", "1000", "--subsystem", "kept", "--key-file", "-")
	for _, c := range []struct {
		l    Label
		olds []string
	}{
		{Label{Kind: FAT, Device: image("fat", "mkfs.vfat", "-F", "32", "-s", "1"), To: "T-EFI"}, []string{"", "OLD-EFI", "SYSTEM DRV", "lower"}},
		{Label{Kind: Ext4, Device: image("ext4", "mkfs.ext4", "-q"), To: "T-ROOT"}, []string{"", "old", "a b\"c'$`\\", "sixteen bytes ok", "Löwe"}},
		{Label{Kind: Swap, Device: image("swap", "mkswap", "-q"), To: "T-SWAP"}, []string{"", "old", "a b"}},
		{Label{Kind: LUKS, Device: container, To: "T-LUKS", Subsystem: "kept"}, []string{"", "old", "a b"}},
		{Label{Kind: Name, Disk: disk, Number: 2, To: "T-ROOT"}, []string{"", "old", "EFI system partition", "Löwe"}},
	} {
		for _, old := range c.olds {
			t.Run(string(c.l.Kind)+" "+old, func(t *testing.T) {
				m := &sys.Machine{Reporter: sys.Silent{}, Undos: &sys.UndoStack{}}
				for _, value := range []string{old, c.l.To, old} {
					if err := m.Run(t.Context(), c.l.set(value)); err != nil {
						t.Fatal(err)
					}
					if is, err := c.l.read(t.Context(), m, "/"); err != nil || is != value {
						t.Errorf("%q was set, and it is %q, %v", value, is, err)
					}
				}
			})
		}
	}
	m := &sys.Machine{Reporter: sys.Silent{}, Undos: &sys.UndoStack{}}
	if sig, err := probe(t.Context(), m, container); err != nil || sig.subsystem != "kept" {
		t.Errorf("the subsystem is %q, %v", sig.subsystem, err)
	}
	for _, check := range [][]string{{"fsck.fat", "-n", filepath.Join(dir, "fat")}, {"e2fsck", "-fn", filepath.Join(dir, "ext4")}, {"sfdisk", "--verify", disk}} {
		if out, err := exec.Command(check[0], check[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v\n%s", check, err, out)
		}
	}
	if name, err := partitionName("/", disk, 1); err != nil || name != "one" {
		t.Errorf("the other partition is called %q, %v", name, err)
	}
}

func FuzzProbe(f *testing.F) {
	f.Add("ID_FS_TYPE=ext4\nID_FS_LABEL_ENC=a\\x20b\\x0\n")
	f.Fuzz(func(t *testing.T, out string) {
		if sig := parseProbe(out); len(sig.label) > len(out) {
			t.Errorf("%q became longer: %q", out, sig.label)
		}
	})
}

var _ sys.System = (*host)(nil)
