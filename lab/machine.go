package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Hung is how long one action in a machine may take before it counts as hung. It only
// ends what would wait forever: an emulated machine on a busy host is ten times slower
// than one on an idle host, and neither is a fault.
const Hung = 20 * time.Minute

// Machine is a running QEMU.
type Machine struct {
	Config
	Console *Console // the serial line, ttyS0
	Monitor *Monitor // QMP
	Agent   *Agent   // commands and files of the live system
	Out     string   // the folder of transcripts and screenshots

	Accel   string
	Started time.Time

	dir   string // sockets, overlay, variables
	cmd   *exec.Cmd
	ended chan struct{} // closed when QEMU has ended
	err   error         // of QEMU, once it has ended
	files []io.Closer
	runs  int // of the program under test, see RunOn
}

// Start starts a machine. It ends with ctx, with this program, even if that is killed,
// or by Close.
func Start(ctx context.Context, config Config) (*Machine, error) {
	var state *saved
	accel := Accel(ctx, config.Image)
	if config.Saved {
		var err error
		if state, err = save(ctx, config, accel); err != nil {
			return nil, err
		}
	}
	return startWith(ctx, config, accel, state)
}

// startWith is Start with the saved state to make or to resume, if any.
func startWith(ctx context.Context, config Config, accel string, state *saved) (*Machine, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	m := &Machine{Config: config, Out: filepath.Join(root, "lab/out", config.Name), Accel: accel, ended: make(chan struct{})}
	// Files of an earlier machine of that name would look like this one's.
	if err := errors.Join(os.RemoveAll(m.Out), os.MkdirAll(m.Out, 0o755)); err != nil {
		return nil, err
	}
	// A short path: a unix socket's has at most 107 bytes.
	if m.dir, err = os.MkdirTemp("", "lab-"); err != nil {
		return nil, err
	}
	if err := m.begin(ctx, state); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// begin starts QEMU and the machine in it.
func (m *Machine) begin(ctx context.Context, state *saved) error {
	if err := m.prepare(ctx); err != nil {
		return err
	}
	args, err := arguments(m.Config, m.Accel, m.dir, state)
	if err != nil {
		return err
	}
	var listeners []net.Listener
	for _, name := range []string{"serial", "qmp", "agent"} {
		listener, err := net.Listen("unix", filepath.Join(m.dir, name))
		if err != nil {
			return err
		}
		defer listener.Close()
		listeners = append(listeners, listener)
	}
	if err := m.launch(ctx, args); err != nil {
		return err
	}
	if err := m.connect(ctx, listeners); err != nil || state == nil || state.saving {
		return err
	}
	return state.resume(ctx, m)
}

// prepare makes the files that the machine writes besides its disks.
func (m *Machine) prepare(ctx context.Context) error {
	if m.Stick {
		cmd := exec.CommandContext(ctx, "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw",
			"-b", m.Image.Stick(), filepath.Join(m.dir, "stick.qcow2"))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("making the stick's overlay failed: %w: %s", err, out)
		}
	}
	if m.BIOS {
		return nil
	}
	fresh, err := os.ReadFile(firmwareVars)
	if err != nil {
		return fmt.Errorf("no UEFI firmware (package ovmf): %w", err)
	}
	return os.WriteFile(filepath.Join(m.dir, "vars.fd"), fresh, 0o644)
}

// launch starts QEMU so that the kernel ends it with this program.
func (m *Machine) launch(ctx context.Context, args []string) error {
	log, err := m.create("qemu.log")
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "qemu-system-x86_64 %q\n", args)
	m.cmd = exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		// The death signal follows the thread that started the process.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := m.cmd.Start()
		started <- err
		if err == nil {
			m.err = m.cmd.Wait()
			close(m.ended)
		}
	}()
	m.Started = time.Now()
	if err := <-started; err != nil {
		m.cmd = nil
		return err
	}
	return nil
}

// connect accepts QEMU's connections on the sockets.
func (m *Machine) connect(ctx context.Context, listeners []net.Listener) error {
	var conns []net.Conn
	for _, listener := range listeners {
		conn, err := m.accept(listener)
		if err != nil {
			return fmt.Errorf("QEMU did not start, see %s: %w", filepath.Join(m.Out, "qemu.log"), err)
		}
		m.files = append(m.files, conn)
		conns = append(conns, conn)
	}
	serial, err := m.create("serial.log")
	if err != nil {
		return err
	}
	qmp, err := m.create("qmp.log")
	if err != nil {
		return err
	}
	m.Console = newConsole(conns[0], serial)
	m.Agent = newAgent(conns[2])
	m.Monitor, err = newMonitor(ctx, conns[1], qmp)
	if err == nil && m.Network == Unplugged && !m.Saved {
		err = m.SetLink(ctx, false)
	}
	return err
}

func (m *Machine) accept(listener net.Listener) (net.Conn, error) {
	accepted := make(chan struct{})
	defer close(accepted)
	go func() {
		select {
		case <-m.ended:
			listener.Close()
		case <-accepted:
		}
	}()
	_ = listener.(*net.UnixListener).SetDeadline(time.Now().Add(30 * time.Second))
	return listener.Accept()
}

func (m *Machine) create(name string) (*os.File, error) {
	file, err := os.Create(filepath.Join(m.Out, name))
	if err == nil {
		m.files = append(m.files, file)
	}
	return file, err
}

// keep writes text to a file in the machine's folder.
func (m *Machine) keep(name, text string) error {
	return os.WriteFile(filepath.Join(m.Out, name), []byte(text), 0o644)
}

// Spent returns how long the machine has run, and how much processor time it has used.
// Only the second does not depend on what else the host does.
func (m *Machine) Spent() (wall, cpu time.Duration) {
	select {
	case <-m.ended:
		state := m.cmd.ProcessState
		return time.Since(m.Started), state.UserTime() + state.SystemTime()
	default:
	}
	// proc_pid_stat(5); the name in parentheses has no blank here.
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.cmd.Process.Pid))
	if fields := bytes.Fields(stat); len(fields) > 14 {
		for _, ticks := range fields[13:15] {
			n, _ := strconv.Atoi(string(ticks))
			cpu += time.Duration(n) * time.Second / 100 // USER_HZ
		}
	}
	return time.Since(m.Started), cpu
}

// AwaitAgent waits until the live system is up and takes commands.
func (m *Machine) AwaitAgent(ctx context.Context) error {
	if err := m.Agent.Await(ctx); err != nil {
		return fmt.Errorf("the live system did not come up: %w; its console said:\n%s", err, tail(m.Console.Transcript()))
	}
	return nil
}

// AwaitOff waits until the machine has powered itself off, or rebooted: it runs with
// -no-reboot.
func (m *Machine) AwaitOff(ctx context.Context) error {
	select {
	case <-m.ended:
		return m.err
	case <-ctx.Done():
		return fmt.Errorf("the machine did not power off: %w; its console said:\n%s", context.Cause(ctx), tail(m.Console.Transcript()))
	}
}

// PowerOff shuts the live system down cleanly, and waits for it.
func (m *Machine) PowerOff(ctx context.Context) error {
	if err := m.Monitor.Execute(ctx, "system_powerdown", nil, nil); err != nil {
		return err
	}
	return m.AwaitOff(ctx)
}

// Cut cuts the power of a running machine.
func (m *Machine) Cut() {
	if m.cmd != nil {
		_ = m.cmd.Process.Kill()
		<-m.ended
	}
}

// Close is Cut, and removes the machine's files besides its disks.
func (m *Machine) Close() error {
	if m == nil {
		return nil
	}
	m.Cut()
	var errs []error
	for _, file := range slices.Backward(m.files) {
		errs = append(errs, file.Close())
	}
	m.files = nil
	return errors.Join(append(errs, os.RemoveAll(m.dir))...)
}

// TypeKeys types text on the machine's own keyboard (tty1), a US one.
func (m *Machine) TypeKeys(ctx context.Context, text string) error {
	for _, char := range text {
		keys, err := chord(char)
		if err != nil {
			return err
		}
		if err := m.Press(ctx, keys...); err != nil {
			return err
		}
	}
	return nil
}

// Press presses keys together, by QEMU's names: "ctrl", "c"; "up"; "f2".
func (m *Machine) Press(ctx context.Context, keys ...string) error {
	type key struct {
		Type string `json:"type"`
		Data string `json:"data"`
	}
	var list []key
	for _, name := range keys {
		list = append(list, key{"qcode", name})
	}
	const hold = 20 // ms, before the next key
	err := m.Monitor.Execute(ctx, "send-key", map[string]any{"keys": list, "hold-time": hold}, nil)
	time.Sleep(2 * hold * time.Millisecond)
	return err
}

// Screenshot writes the screen to NAME.png in the machine's folder, and returns its
// path.
func (m *Machine) Screenshot(ctx context.Context, name string) (string, error) {
	path := filepath.Join(m.Out, name+".png")
	return path, m.Monitor.Execute(ctx, "screendump", map[string]any{"filename": path, "format": "png"}, nil)
}
