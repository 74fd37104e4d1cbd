package newhost

import (
	"bytes"

	"auto-installer/secrets/keysnix"
)

// callMkInstallers are the lines that make a flake without installers call
// mkInstallers.
func (w *work) callMkInstallers() (lines []keysnix.HandLine) {
	add := func(place, text string) { lines = append(lines, keysnix.HandLine{Place: place, Text: text}) }
	if !bytes.Contains(w.before["flake.nix"], []byte("auto-installer")) {
		add("inputs", `auto-installer.url = "github:joshsymonds/auto-installer";`)
	}
	add("the arguments of outputs, unless they are there,", "self, auto-installer,")
	for _, set := range []string{systemsIn, imagesIn} {
		add("the end of "+set, "// (auto-installer.lib.mkInstallers { inherit self;"+w.hostsArgument()+" })."+set)
	}
	return lines
}

// hostsArgument names the hosts' folder to mkInstallers.
func (w *work) hostsArgument() string {
	if w.HostsDir == "hosts" {
		return ""
	}
	return " hosts = ./" + w.HostsDir + ";"
}
