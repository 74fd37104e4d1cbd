package newhost

import (
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"

	"auto-installer/internal/engine"
	"auto-installer/internal/sys"
	"auto-installer/secrets"
)

// keysOps make the keys and the files of the host's folder, in memory.
func (w *work) keysOps() []engine.Op {
	makes := "make an age identity and an ssh-ed25519 deploy key"
	if w.Identity != nil {
		makes = "make an ssh-ed25519 deploy key; the age identity is the given one"
	}
	defines := []sys.Action{}
	if w.defines() {
		defines = []sys.Action{{Does: "write " + w.in("host.toml")}, {Does: "write " + w.in("installer.nix")}}
	}
	return []engine.Op{
		engine.Together([]sys.Action{{Does: makes}, {Does: "seal both in " + w.in("bundle.age")}}, w.seal),
		engine.Do("write "+w.in("deploy.pub"), func(context.Context, sys.System) error {
			return w.put("deploy.pub", []byte(w.deployKey+"\n"))
		}),
		engine.Together(defines, w.definition),
	}
}

// seal makes the private keys, seals them and wipes them.
func (w *work) seal(_ context.Context, s sys.System) error {
	id := w.Identity
	if id == nil {
		var err error
		if id, err = secrets.NewIdentity(); err != nil {
			return err
		}
	}
	defer id.Wipe()
	deploy, err := w.deploy()
	if err != nil {
		return err
	}
	b := &secrets.Bundle{Host: w.Host.TargetHost, Identity: id, DeployKey: deploy}
	defer b.Wipe()
	w.recipient = id.Recipient()
	sealed, err := secrets.Seal(b, w.Passphrase)
	if err != nil {
		return fmt.Errorf("sealing the keys: %w", err)
	}
	s.Log("the recipient of " + w.Host.TargetHost + " is " + w.recipient)
	return w.put("bundle.age", sealed)
}

// deploy makes a deploy key: an ed25519 key pair in OpenSSH's format.
func (w *work) deploy() (*secrets.Buffer, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	defer clear(private)
	comment := w.Host.TargetHost + "-installer"
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return nil, err
	}
	defer clear(block.Bytes)
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, err
	}
	w.deployKey = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) + " " + comment
	return secrets.NewBuffer(pem.EncodeToMemory(block))
}

// put drafts a file of the host's folder, new or changed.
func (w *work) put(name string, data []byte) error {
	full := w.in(name)
	if _, err := os.Lstat(filepath.Join(w.repo, full)); err == nil {
		if _, err := w.read(full); err != nil {
			return err
		}
	}
	w.files[full] = data
	return nil
}

// definition drafts host.toml and installer.nix.
func (w *work) definition(context.Context, sys.System) error {
	if !w.defines() {
		return nil
	}
	toml, err := w.Host.TOML()
	if err != nil {
		return sys.Faultf(sys.CodeHost, "correct the flags", "invalid definition: %w", err)
	}
	intro := "# What the installer makes of the machine. `auto-installer hosts` and auto-installer's\n# README list all keys.\n"
	if err := w.put("host.toml", append([]byte(intro), toml...)); err != nil {
		return err
	}
	return w.put("installer.nix", w.installer(shapeOf(w.before["flake.nix"])))
}
