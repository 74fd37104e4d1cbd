package provevm

import (
	"strings"
	"testing"

	"auto-installer/internal/engine"
)

func TestPlan(t *testing.T) {
	p := Plan(Request{Disk: "disk.img", SectorSize: 4096, Passphrase: []byte("correct horse battery staple")}, engine.TaskPaths("prove-boot"))
	var all []string
	for _, s := range p.Steps {
		for _, action := range s.Actions {
			all = append(all, strings.Join(action.Argv, " "))
		}
	}
	text := strings.Join(all, "\n")
	if strings.Contains(text, "horse") || strings.Contains(text, "mount -o") || !strings.Contains(text, "/disk.img,read-only=on") || strings.Contains(text, "=disk.img") {
		t.Error(text)
	}
}
