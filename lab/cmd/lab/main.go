// Command lab builds the lab's live system and runs machines on it by hand:
//
//	lab build   builds the stick, if the cache does not have it
//	lab vm      boots it with a blank disk; this terminal shows the installer
//	lab demo    installs a host unattended, and boots it
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"auto-installer/lab"
)

const usage = `usage: lab build
       lab demo [--movie FILE.gif]
       lab vm [--install-host HOST] [--disk FILE] [--disk-alone] [--no-network]
`

func main() { os.Exit(exit()) }

func exit() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := run(ctx, os.Args[1:])
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 2
	case err != nil:
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		if h, ok := errors.AsType[hinted](err); ok {
			fmt.Fprintf(os.Stderr, "hint: %s\n", h.hint)
		}
		return 1
	}
	return 0
}

// hinted is an error with a hint.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return flag.ErrHelp
	}
	switch args[0] {
	case "build":
		return build(ctx)
	case "demo":
		flags := flag.NewFlagSet("demo", flag.ContinueOnError)
		movie := flags.String("movie", "", "write what the console shows to this GIF")
		if err := flags.Parse(args[1:]); err != nil {
			return flag.ErrHelp
		}
		return demo(ctx, *movie)
	case "vm":
		return vm(ctx, args[1:])
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	}
	fmt.Fprint(os.Stderr, usage)
	return fmt.Errorf("unknown command %q", args[0])
}

func build(ctx context.Context) error {
	start := time.Now()
	_, cached, err := lab.Cached(ctx)
	if err != nil {
		return err
	}
	image, err := lab.Build(ctx, os.Stderr)
	if err != nil {
		return err
	}
	how := "built"
	if cached {
		how = "in the cache"
	}
	fmt.Printf("%s (%s, %.0f s)\n", image.Stick(), how, time.Since(start).Seconds())
	return nil
}

// vm runs a machine until it powers off or Ctrl-A X.
func vm(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("lab vm", flag.ContinueOnError)
	host := flags.String("install-host", "", "without the screens: type the command that installs this host at a shell")
	disk := flags.String("disk", "", "image of the target disk, kept, and made if missing (default: a blank one for this run)")
	alone := flags.Bool("disk-alone", false, "boot the disk without the stick")
	noNetwork := flags.Bool("no-network", false, "no network card")
	if err := flags.Parse(args); err != nil {
		return err
	}
	image, err := lab.Build(ctx, os.Stderr)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "lab-vm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := lab.Binary(ctx, dir); err != nil {
		fmt.Fprintf(os.Stderr, "lab: %v\nlab: continuing without /lab/auto-installer\n", err)
	}
	path := *disk
	if path == "" {
		path = filepath.Join(dir, "target.img")
	}
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		if _, err := lab.CreateDisk(path, 8<<30); err != nil {
			return err
		}
	}
	config := lab.Config{
		Name: "vm", Image: image, Stick: !*alone, Share: dir, Network: lab.GitServer,
		Disks: []lab.Disk{{Path: path, Serial: "TARGET", Bus: lab.NVMe}},
	}
	if *noNetwork {
		config.Network = lab.NoNIC
	}
	fmt.Fprintln(os.Stderr, "lab: this terminal becomes the serial console; Ctrl-A X ends the machine")
	if !*alone && *host == "" {
		fmt.Fprintln(os.Stderr, "lab: the installer starts once the live system is up; quit it to get a root shell")
	}
	m, err := lab.Start(ctx, config)
	if err != nil {
		return err
	}
	defer m.Close()
	switch {
	case *alone:
	case *host != "":
		go typeInstall(ctx, m, *host)
	default:
		go showScreens(ctx, m)
	}
	return attach(ctx, m)
}

// typeInstall types the install command once the live system's shell is ready.
func typeInstall(ctx context.Context, m *lab.Machine, host string) {
	if m.AwaitAgent(ctx) == nil && m.Console.ExpectString(ctx, "~#") == nil {
		_ = m.Console.Type("auto-installer install --host " + host + " --disk " + m.Disks[0].ID() + " --confirm yes\r")
	}
}
