// The lab's NixOS has these programs in place of nixpkgs' own, which are written in Rust.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := run(filepath.Base(os.Args[0]), os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(1)
	}
}

func run(program string, args []string) error {
	switch {
	case program == "make-initrd-ng" && len(args) == 2:
		return makeInitrd(args[0], args[1])
	case program == "resolve-in-root" && len(args) == 2:
		path, err := resolveInRoot(args[0], args[1])
		if err == nil {
			fmt.Println(path)
		}
		return err
	case program == "json2x" && len(args) == 5 && args[0] == "toml" && args[1] == "--unwrap":
		return writeTOML(args[2], args[3], args[4])
	case program == "env-generator":
		return generateEnvironment("/etc/systemd/generator-environment.json", os.Stdout)
	}
	return fmt.Errorf("no such program, or wrong arguments: %q", args)
}
