package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// usualMemory is the default memory of a machine, in MiB.
const usualMemory = 3072

// saved is a running live system kept in a folder: its memory, and the state of its
// devices. It has only the stick: QEMU cannot save a machine with an NVMe disk or a
// shared folder. Those are plugged in when it resumes.
//
// Every machine that starts from it maps the memory from its file, with its own
// changes, so the host holds it once.
type saved struct {
	dir    string
	saving bool // it is being saved
}

func (s *saved) memory() string  { return filepath.Join(s.dir, "memory") }
func (s *saved) devices() string { return filepath.Join(s.dir, "devices") }

// arguments returns the additional arguments of QEMU.
func (s *saved) arguments() []string {
	share := "off"
	if s.saving {
		share = "on"
	}
	args := []string{
		"-object", fmt.Sprintf("memory-backend-file,id=memory,size=%dM,mem-path=%s,share=%s", usualMemory, s.memory(), share),
		"-machine", "memory-backend=memory",
		// Makes the kernel reseed its random numbers (drivers/virt/vmgenid.c).
		"-device", "vmgenid,guid=auto",
	}
	if !s.saving {
		args = append(args, "-S", "-incoming", "defer")
	}
	return args
}

// warm runs in the live system before it is saved: it loads the modules and reads the
// files that every machine needs.
const warm = `
	modprobe -a nvme virtio_blk virtio_net 9pnet_virtio 9p
	find /nix/store /usr/bin /usr/sbin /usr/lib/x86_64-linux-gnu -xdev -type f -exec cat {} + >/dev/null
	sync`

// save returns the saved live system to start a machine from. It makes one for each
// image and QEMU version.
func save(ctx context.Context, config Config, accel string) (*saved, error) {
	if config.BIOS || config.Kiosk || !config.Stick || config.Memory != 0 {
		return nil, errors.New("a saved live system needs UEFI, its stick and the default memory")
	}
	config = Config{Name: "saved", Image: config.Image, Stick: true}
	s := &saved{saving: true}
	args, err := arguments(config, accel, "", s)
	if err != nil {
		return nil, err
	}
	version, err := exec.CommandContext(ctx, "qemu-system-x86_64", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("no QEMU: %w", err)
	}
	sum := sha256.Sum256(fmt.Appendf(version, "%q%s", args, warm))
	s.dir = filepath.Join(config.Image.Dir, "saved-"+hex.EncodeToString(sum[:8]))

	lock, err := os.Create(filepath.Join(config.Image.Dir, "saved.lock"))
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return nil, err
	}
	done := &saved{dir: s.dir}
	if _, err := os.Stat(s.dir); err == nil {
		return done, nil
	}
	s.dir += "-unfinished"
	if err := errors.Join(os.RemoveAll(s.dir), os.Mkdir(s.dir, 0o755)); err != nil {
		return nil, err
	}
	if err := s.make(ctx, config, accel); err != nil {
		return nil, fmt.Errorf("saving the live system failed: %w", err)
	}
	return done, os.Rename(s.dir, done.dir)
}

// make boots the live system and saves it.
func (s *saved) make(ctx context.Context, config Config, accel string) error {
	ctx, cancel := context.WithTimeout(ctx, Hung)
	defer cancel()
	m, err := startWith(ctx, config, accel, s)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := m.AwaitAgent(ctx); err != nil {
		return err
	}
	if _, err := m.Agent.Shell(ctx, warm); err != nil {
		return err
	}
	if err := m.Monitor.Execute(ctx, "stop", nil, nil); err != nil {
		return err
	}
	return m.migrate(ctx, "migrate", "exec:cat >"+s.devices())
}

// migrate has QEMU save or load a machine's devices, and waits for it. It leaves the
// memory out, which is a shared file.
func (m *Machine) migrate(ctx context.Context, command, uri string) error {
	type capability struct {
		Capability string `json:"capability"`
		State      bool   `json:"state"`
	}
	if err := m.Monitor.Execute(ctx, "migrate-set-capabilities", map[string]any{
		"capabilities": []capability{{"x-ignore-shared", true}},
	}, nil); err != nil {
		return err
	}
	if err := m.Monitor.Execute(ctx, command, map[string]any{"uri": uri}, nil); err != nil {
		return err
	}
	for {
		var now struct {
			Status string `json:"status"`
			Error  string `json:"error-desc"`
		}
		if err := m.Monitor.Execute(ctx, "query-migrate", nil, &now); err != nil {
			return err
		}
		switch now.Status {
		case "completed":
			return nil
		case "failed", "cancelled":
			return fmt.Errorf("qmp %s: %s %s", command, now.Status, now.Error)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// resume loads the saved state, plugs in this machine's devices, and continues it as a
// machine of its own.
func (s *saved) resume(ctx context.Context, m *Machine) error {
	if err := m.migrate(ctx, "migrate-incoming", "exec:cat "+s.devices()); err != nil {
		return err
	}
	for _, d := range m.devices() {
		if err := m.Monitor.Execute(ctx, "device_add", d, nil); err != nil {
			return fmt.Errorf("plugging in %v: %w", d, err)
		}
	}
	if m.Network == Unplugged {
		if err := m.SetLink(ctx, false); err != nil {
			return err
		}
	}
	if err := m.Monitor.Execute(ctx, "cont", nil, nil); err != nil {
		return err
	}
	if err := m.AwaitAgent(ctx); err != nil {
		return err
	}
	argv := []string{"/usr/local/sbin/lab-resumed", fmt.Sprintf("%.3f", float64(time.Now().UnixMilli())/1000)}
	for _, d := range m.Disks {
		argv = append(argv, d.ID())
	}
	if m.Share != "" {
		argv = append(argv, "/lab/.")
	}
	_, err := m.Agent.Output(ctx, argv...)
	return err
}
