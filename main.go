// auto-installer turns a machine into the NixOS host that its definition
// describes: it partitions, encrypts, formats, installs, and proves that the
// result will start.
package main

import (
	_ "embed"
	"os"

	"auto-installer/cli"
)

//go:embed assets/banner.txt
var banner string

// version is set when a release is linked.
var version = "dev"

func main() { os.Exit(cli.Main(cli.Program{Banner: banner, Version: version})) }
