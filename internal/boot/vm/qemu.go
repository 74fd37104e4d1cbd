package vm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"auto-installer/internal/sys"
)

// machine is QEMU's command line.
func machine(o Options, accel string) sys.Cmd {
	ovmf, _ := findFirmware(o.Live)
	quote := func(text string) string { return strings.ReplaceAll(text, ",", ",,") }
	in := func(name string) string { return quote(filepath.Join(o.Dir, name)) }
	argv := []string{
		program, "-machine", "q35", "-m", fmt.Sprint(memory),
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-nic", "none", "-device", "virtio-rng-pci",
	}
	if accel == "kvm" {
		argv = append(argv, "-accel", "kvm", "-cpu", "host", "-smp", "2")
	} else {
		// One processor: emulated ones slow each other down while a kernel
		// patches its code. No five-level paging, which costs time.
		argv = append(argv, "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", "1")
	}
	argv = append(argv,
		"-drive", "if=pflash,format=raw,unit=0,readonly=on,file="+quote(ovmf.code),
		"-drive", "if=pflash,format=raw,unit=1,file="+in("vars.fd"),
		"-chardev", "socket,id=serial,path="+in("serial"), "-serial", "chardev:serial",
	)
	// systemd's loader and stub append this to the command line, so that a
	// system without a serial console has one here (systemd-boot(7),
	// systemd-stub(7)).
	extra := quote("console=ttyS0,115200 systemd.show_status=1 rd.systemd.show_status=1")
	for _, who := range []string{"boot", "stub"} {
		argv = append(argv, "-smbios", "type=11,value=io.systemd."+who+".kernel-cmdline-extra="+extra)
	}
	driver, direct := "file", "off"
	if info, err := os.Stat(o.Disk); err == nil && info.Mode()&os.ModeDevice != 0 {
		driver, direct = "host_device", "on" // past the cache
	}
	argv = append(argv,
		"-blockdev", "driver="+driver+",node-name=disk,filename="+quote(o.Disk)+",read-only=on,auto-read-only=off,locking=off,cache.direct="+direct,
		"-blockdev", "driver=raw,node-name=raw,file=disk,read-only=on",
		"-blockdev", "driver=qcow2,node-name=top,file.driver=file,file.filename="+in("overlay.qcow2")+",backing=raw",
		"-device", bus(o.Disk)+fmt.Sprintf(",drive=top,logical_block_size=%d,physical_block_size=%d,bootindex=1", o.SectorSize, o.SectorSize),
	)
	return sys.Cmd{Does: "start the disk in a virtual machine that writes nothing to it", Argv: argv}
}

// bus attaches the disk like the real one, so that the initrd has its driver.
func bus(disk string) string {
	switch name := filepath.Base(disk); {
	case strings.HasPrefix(name, "sd") && strings.HasPrefix(disk, "/dev/"):
		return "ide-hd,bus=ide.0,serial=PROOF"
	case strings.HasPrefix(name, "vd"):
		return "virtio-blk-pci,serial=PROOF"
	}
	return "nvme,serial=PROOF"
}

// try runs the machine once, until it reaches init or fails to. It returns what
// it reached.
func try(ctx context.Context, s sys.System, o Options, accel string) (string, error) {
	ovmf, _ := findFirmware(o.Live)
	vars, err := os.ReadFile(ovmf.vars)
	if err == nil {
		err = os.WriteFile(filepath.Join(o.Dir, "vars.fd"), vars, 0o600)
	}
	if err != nil {
		return "", err
	}
	serial, err := net.Listen("unix", filepath.Join(o.Dir, "serial"))
	if err != nil {
		return "", err
	}
	defer serial.Close()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- s.Run(ctx, machine(o, accel))
		serial.Close() // Accept below returns at once
	}()
	line, err := serial.Accept()
	if err != nil {
		return "", inconclusive{fmt.Errorf("the machine does not run: %w", cmp.Or(<-ended, err))}
	}
	defer line.Close()

	w := &watch{s: s, passphrase: o.Passphrase, began: time.Now(), limit: cmp.Or(o.Limit, limits[accel]), line: line}
	how, err := w.follow(ctx)
	if errors.Is(err, errEnded) {
		time.AfterFunc(quitPatience, cancel) // QEMU ends by itself
		err = inconclusive{fmt.Errorf("%s, and then the machine ended: %w", w.reached(), cmp.Or(<-ended, errors.New("by itself")))}
		return how, err
	}
	cancel() // by SIGTERM, at which QEMU quits
	<-ended  //nolint:errcheck // that it was stopped
	return how, err
}

// quitPatience is how long QEMU may take to end after its serial line.
const quitPatience = 10 * time.Second
