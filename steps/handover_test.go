package steps

import (
	"bytes"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"auto-installer/internal/engine"
)

// Every answer reaches the engine, and the JSON has no secret.
func TestHandover(t *testing.T) {
	a := Answers{
		Host: load(t, "demo"), HostArg: "demo", Disk: nvme, Passphrase: []byte("correct horse"), RecoveryKey: []byte("the second key"),
		DeployKey: []byte("ssh key"), Remote: "https://example.org/x", System: toplevel, Source: "/iso/x", ProveBoot: ProveVM,
		NoAgeIdentity: true, SkipVerify: true, Resume: true, Medium: medium{Revision: "r", Plain: true},
	}
	parts, err := a.Handover(engine.Paths{Dir: "/run/x"})
	if err != nil || len(parts) != 4 || string(parts[2]) != "the second key" {
		t.Fatalf("%v, %d parts", err, len(parts))
	}
	for _, secret := range []string{"horse", "second", "ssh key"} {
		if bytes.Contains(parts[0], []byte(secret)) || strings.Contains(a.CommandLine(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
	var h Handover
	if err := json.Unmarshal(parts[0], &h); err != nil {
		t.Fatal(err)
	}
	h.Disk = a.Disk
	h.Passphrase, h.RecoveryKey, h.DeployKey = a.Passphrase, a.RecoveryKey, a.DeployKey
	if !reflect.DeepEqual(h.Answers, a) || h.Paths.Dir != "/run/x" || !reflect.DeepEqual(h.Confirmed, a.Disk.identity) || !slices.Equal(h.Secrets, []bool{true, true, false, true}) {
		t.Errorf("%+v", h)
	}
	typed := a.CommandLine()
	for _, want := range []string{
		"auto-installer install --host demo --disk /dev/nvme0n1 --confirm yes --passphrase-file FILE --recovery-key-file FILE --deploy-key FILE ",
		" --remote https://example.org/x --source /iso/x --system " + toplevel + " --prove-boot vm --no-age-identity --skip-verify --resume",
	} {
		if !strings.Contains(typed, want) {
			t.Errorf("%s lacks %s", typed, want)
		}
	}
}
