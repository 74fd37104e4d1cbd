// auto-installer turns a machine into the NixOS host that its definition
// describes: it partitions, encrypts, formats, installs, and proves that the
// result will start.
package main

import (
	_ "embed"
	"os"
	"strings"

	"auto-installer/cli"
)

//go:embed assets/banner.txt
var banner string

// version is the release's; modules/package.nix reads the same file.
//
//go:embed assets/version.txt
var version string

func main() { os.Exit(cli.Main(cli.Program{Banner: banner, Version: strings.TrimSpace(version)})) }
