package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"auto-installer/internal/sys"
)

const arch = runtime.GOARCH

// consoles are the serial lines of the machines that can be started.
var consoles = map[string]string{"amd64": "ttyS0,115200"}

// machine is QEMU's command line.
func machine(o Options, accel string) sys.Cmd {
	quote := func(text string) string { return strings.ReplaceAll(text, ",", ",,") }
	in := func(name string) string { return quote(filepath.Join(o.Dir, name)) }
	argv := []string{
		program, "-machine", "q35", "-m", fmt.Sprint(memory),
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none", "-device", "virtio-rng-pci",
	}
	if accel == "kvm" {
		argv = append(argv, "-accel", "kvm", "-cpu", "host", "-smp", "2")
	} else {
		// One processor: emulated ones disturb each other while a kernel
		// patches its code. No five-level paging, which only costs time.
		argv = append(argv, "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", "1")
	}
	argv = append(argv,
		"-drive", "if=pflash,format=raw,unit=0,readonly=on,file="+quote(o.firmware().Code),
		"-drive", "if=pflash,format=raw,unit=1,file="+in("vars.fd"),
		"-chardev", "socket,id=serial,path="+in("serial"), "-serial", "chardev:serial",
		"-chardev", "socket,id=monitor,path="+in("monitor"), "-mon", "chardev=monitor,mode=readline",
	)
	// systemd's loader and stub take more of the command line from here, so
	// that a system without a serial console has one in the machine
	// (systemd-boot(7), systemd-stub(7)).
	extra := quote("console=" + consoles[arch] + " systemd.show_status=1 rd.systemd.show_status=1")
	for _, who := range []string{"boot", "stub"} {
		argv = append(argv, "-smbios", "type=11,value=io.systemd."+who+".kernel-cmdline-extra="+extra)
	}
	driver, direct := "file", "off"
	if info, err := os.Stat(o.Disk); err == nil && info.Mode()&os.ModeDevice != 0 {
		driver, direct = "host_device", "on" // past the cache: what the disk has
	}
	argv = append(argv,
		"-blockdev", "driver="+driver+",node-name=disk,filename="+quote(o.Disk)+",read-only=on,auto-read-only=off,locking=off,cache.direct="+direct,
		"-blockdev", "driver=raw,node-name=raw,file=disk,read-only=on",
		"-blockdev", "driver=qcow2,node-name=top,file.driver=file,file.filename="+in("overlay.qcow2")+",backing=raw",
		"-device", bus(o.Disk)+fmt.Sprintf(",drive=top,logical_block_size=%d,physical_block_size=%d,bootindex=1", o.SectorSize, o.SectorSize),
	)
	return sys.Cmd{Does: "start the disk in a virtual machine that writes nothing to it", Argv: argv}
}

// bus attaches the disk as it is attached here, so that the system finds it
// with the drivers that its initrd has.
func bus(disk string) string {
	switch name := filepath.Base(disk); {
	case strings.HasPrefix(name, "sd") && strings.HasPrefix(disk, "/dev/"):
		return "ide-hd,bus=ide.0,serial=PROOF"
	case strings.HasPrefix(name, "vd"):
		return "virtio-blk-pci,serial=PROOF"
	}
	return "nvme,serial=PROOF"
}

// try runs the machine once, until its init is reached or it cannot be any
// more. It returns how far it came.
func try(ctx context.Context, s sys.System, o Options, accel string) (string, error) {
	vars, err := os.ReadFile(o.firmware().Vars)
	if err == nil {
		err = os.WriteFile(filepath.Join(o.Dir, "vars.fd"), vars, 0o600)
	}
	if err != nil {
		return "", err
	}
	serial, err := listen(filepath.Join(o.Dir, "serial"))
	if err != nil {
		return "", err
	}
	defer serial.Close()
	monitor, err := listen(filepath.Join(o.Dir, "monitor"))
	if err != nil {
		return "", err
	}
	defer monitor.Close()

	limit := o.Limit
	if limit == 0 {
		limit = limits[accel]
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, machine(o, accel))
		// Whoever waits for its call waits no longer.
		serial.Close()
		monitor.Close()
	}()
	line, err := serial.Accept()
	if err != nil {
		return "", inconclusive{fmt.Errorf("it does not run: %w", or(<-ended, err))}
	}
	defer line.Close()
	control, err := monitor.Accept()
	if err != nil {
		return "", inconclusive{fmt.Errorf("it does not run: %w", or(<-ended, err))}
	}
	defer control.Close()
	go func() { _, _ = io.Copy(io.Discard, control) }() // its prompt

	w := &watch{s: s, passphrase: o.Passphrase, began: time.Now(), limit: limit, line: line}
	how, err := w.follow(ctx)
	_, _ = io.WriteString(control, "quit\n") // or it has ended
	select {
	case died := <-ended:
		if errors.Is(err, errEnded) {
			err = inconclusive{fmt.Errorf("%s, and then the machine ended: %w", w.reached(), or(died, errors.New("by itself")))}
		}
	case <-time.After(quitPatience):
		cancel()
		s.Log(fmt.Sprintf("the virtual machine had to be killed: %v", <-ended))
	}
	return how, err
}

// quitPatience is how long QEMU may take to end when it is told to.
const quitPatience = 10 * time.Second

func or(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func listen(path string) (net.Listener, error) {
	if err := os.RemoveAll(path); err != nil {
		return nil, err
	}
	return net.Listen("unix", path)
}
