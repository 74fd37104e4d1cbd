package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Image is a built live system: the stick and the files beside it.
type Image struct {
	Dir string // as live/build printed it
}

// Stick is the USB stick's image. Machines write to an overlay of it only.
func (i Image) Stick() string { return filepath.Join(i.Dir, "stick.img") }

// Kernel is the live system's kernel, for a machine without UEFI.
func (i Image) Kernel() string { return filepath.Join(i.Dir, "kernel") }

// Initrd is the live system's initial RAM disk.
func (i Image) Initrd() string { return filepath.Join(i.Dir, "initrd") }

// GitRepo is the bare config repo that the lab's git server serves.
func (i Image) GitRepo() string { return filepath.Join(i.Dir, "nix-config.git") }

// Parts is the folder of the files that the demo hosts' systems are made of.
func (i Image) Parts() string { return filepath.Join(i.Dir, "parts") }

// Toplevel is the store path of a host's system on the stick.
func (i Image) Toplevel(host string) (string, error) {
	path, err := os.ReadFile(filepath.Join(i.Dir, "toplevel", host))
	if err != nil {
		return "", fmt.Errorf("the stick has no system for %s: %w", host, err)
	}
	return strings.TrimSpace(string(path)), nil
}

func (i Image) cmdline() (string, error) {
	line, err := os.ReadFile(filepath.Join(i.Dir, "cmdline"))
	return strings.TrimSpace(string(line)), err
}

// kiosk returns what a kiosk's kernel command line has in addition.
func (i Image) kiosk() (string, error) {
	line, err := os.ReadFile(filepath.Join(i.Dir, "kiosk"))
	return strings.TrimSpace(string(line)), err
}

// Build returns the live system of the current sources, and builds it if the cache does
// not have it. It writes its progress to log.
func Build(ctx context.Context, log io.Writer) (Image, error) {
	dir, err := liveBuild(ctx, log)
	return Image{Dir: dir}, err
}

// Cached is Build without building: ok is false if the cache does not have it.
func Cached(ctx context.Context) (image Image, ok bool, err error) {
	dir, err := liveBuild(ctx, io.Discard, "--key")
	if err != nil {
		return Image{}, false, err
	}
	_, err = os.Stat(dir)
	return Image{Dir: dir}, err == nil, nil
}

func liveBuild(ctx context.Context, log io.Writer, args ...string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(root, "lab/live/build"), args...)
	cmd.Stdout, cmd.Stderr = &out, log
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building the live system failed: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

// Binary builds auto-installer from the current sources into dir, a folder to share
// with a machine (Config.Share).
func Binary(ctx context.Context, dir string) error {
	return build(ctx, ".", filepath.Join(dir, "auto-installer"))
}

// build builds a static command of the repo.
func build(ctx context.Context, command, file string) error {
	root, err := Root()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", file, command)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s failed: %w\n%s", file, err, out)
	}
	return nil
}

// HostTOML returns the definition of a host of the lab, or of one in hosts/.
func HostTOML(name string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(root, "lab/hosts", name, "host.toml"))
	if errors.Is(err, os.ErrNotExist) {
		data, err = os.ReadFile(filepath.Join(root, "hosts", name, "host.toml"))
	}
	return string(data), err
}

// GiveHosts gives a live system the definitions of these hosts.
func GiveHosts(ctx context.Context, m *Machine, names ...string) error {
	for _, name := range names {
		text, err := HostTOML(name)
		if err != nil {
			return err
		}
		dir := "/etc/auto-installer/hosts/" + name
		if _, err := m.Agent.Output(ctx, "mkdir", "-p", dir); err != nil {
			return err
		}
		if err := m.Agent.WriteFile(ctx, dir+"/host.toml", []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// Root finds the repo's top folder, from the working directory upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module auto-installer\n")) {
			return dir, nil
		}
		if dir == "/" {
			return "", errors.New("not inside the auto-installer repo")
		}
	}
}
