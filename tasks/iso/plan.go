package iso

import (
	"auto-installer/internal/engine"
	"auto-installer/internal/nix/flake"
)

// Plan builds the installer ISO of a host of the flake that a folder lies in,
// and links to it.
func Plan(dir, host, outLink string) *engine.Task {
	o := Options{Flake: flake.Find(dir), Host: host, OutLink: outLink}
	t := engine.NewTask("building the installer ISO of "+host,
		engine.NewStep("iso", "build it with nix, and say what is next", engine.Check, engine.Whole(o, Actions, Run)))
	t.Shared = true
	return t
}
