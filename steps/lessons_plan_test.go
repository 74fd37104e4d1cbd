package steps

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"auto-installer/hosts"
	"auto-installer/internal/engine"
)

// TestLesson11OfflineNeedsNoNetwork: a prebuilt host and its repo are installed from the medium.
func TestLesson11OfflineNeedsNoNetwork(t *testing.T) {
	a := answers(t)["prebuilt"]
	p, err := InstallPlan(a, engine.DefaultPaths())
	if err != nil {
		t.Fatal(err)
	}
	cloned := false
	for _, s := range p.Steps {
		for _, action := range s.Actions {
			line := strings.Join(action.Argv, " ")
			if strings.Contains(action.Does, "can be reached") {
				t.Errorf("%s: %s", s.Name, action.Does)
			}
			cloned = cloned || strings.Contains(line, Medium+"/nix-config")
			if strings.Contains(strings.ReplaceAll(line, "git+file://", ""), "://") && !strings.Contains(line, "remote set-url origin") {
				t.Errorf("%s runs %q", s.Name, action.Argv)
			}
		}
	}
	if !cloned {
		t.Error("the repo does not come from the medium")
	}
}

// TestLesson12PinnedToTheMedium: the install takes the commit that the medium was built from,
// not the head of the branch.
func TestLesson12PinnedToTheMedium(t *testing.T) {
	dir, rev := t.TempDir(), strings.Repeat("0123abcd", 5)
	if err := os.WriteFile(filepath.Join(dir, "revision"), []byte(rev+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pinned := func(a Answers) bool {
		a.FromMedium(dir, t.TempDir())
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		for _, action := range p.Steps[index(p, "source")].Actions {
			if slices.Contains(action.Argv, rev) {
				return action.Argv[0] == "git"
			}
		}
		return false
	}
	a := answers(t)["plain"]
	if !pinned(a) {
		t.Error("the branch's head would be installed")
	}
	if a.Ref = "main"; pinned(a) {
		t.Error("the operator's own ref is overruled")
	}
	if MediumRevision(dir) != rev { // which the screens show
		t.Error(MediumRevision(dir))
	}
}

// TestLesson13IdentityBeforeTheFirstBoot: the install puts the host's age identity on the
// target, or waits for it before it ends.
func TestLesson13IdentityBeforeTheFirstBoot(t *testing.T) {
	for name, a := range answers(t) {
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		i := index(p, "identity")
		if i < 0 || i > index(p, "finish") || p.Steps[i].Phase == engine.Check {
			t.Fatalf("%s: the identity is step %d", name, i)
		}
		if waits := strings.Contains(p.Steps[i].Does, "wait for"); waits != (a.AgeIdentity == nil) {
			t.Errorf("%s: %s", name, p.Steps[i].Does)
		}
	}
}

// TestLesson14BadOptionsBeforeAnything: options that the script refused after the wipe, or
// never, are refused when the definition is read.
func TestLesson14BadOptionsBeforeAnything(t *testing.T) {
	const minimal = "targetHost = \"h\"\nrepoRemote = \"git@example.org:nix.git\"\nlabels.root = \"H-ROOT\"\n"
	for text, says := range map[string]string{
		"labels.efi = \"TWELVE-CHARS\"":                                           "labels.efi",
		"labels.efi = \"H-EFI\"\nluks.enable = true":                              "labels.luks",
		"labels.efi = \"H-EFI\"\nluks.enable = true\nlabels.luks = \"\"":          "labels.luks",
		"labels.efi = \"H-EFI\"\nswap.enable = true":                              "labels.swap",
		"labels.efi = \"H-EFI\"\nswap.enable = true\nlabels.swap = \"\"":          "labels.swap",
		"labels.efi = \"H-EFI\"\nswap = {enable=true, size=\"much\"}":             "swap.size",
		"labels.efi = \"H-EFI\"\nlabels.swap = \"H-SWAP\"":                        "labels.swap",
		"labels.efi = \"H-ROOT\"":                                                 "labels",
		"labels.efi = \"H-EFI\"\nluks = {enable=true, mapperName=\"../control\"}": "luks.mapperName",
	} {
		_, err := hosts.Parse("h.toml", []byte(minimal+text+"\n"))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
	// Swap beside LUKS is not ignored.
	p, err := InstallPlan(answers(t)["luks-swap"], engine.DefaultPaths())
	if err != nil || len(p.Partitions) != 3 || p.Partitions[2].Name != "UV-SWAP" {
		t.Errorf("%+v, %v", p, err)
	}
}

// TestLesson15OwnerIsAnOption: the host says who owns the clone in the user's home.
func TestLesson15OwnerIsAnOption(t *testing.T) {
	for _, c := range []struct {
		uid, gid int
		want     string
	}{{0, 0, "1000:100"}, {1234, 56, "1234:56"}} {
		a := answers(t)["swap"]
		if c.uid != 0 {
			a.Host.TargetUID, a.Host.TargetGID = c.uid, c.gid
		}
		p, err := InstallPlan(a, engine.DefaultPaths())
		if err != nil {
			t.Fatal(err)
		}
		owned := false
		for _, action := range p.Steps[index(p, "repo")].Actions {
			owned = owned || len(action.Argv) > 0 && action.Argv[0] == "chown" && slices.Contains(action.Argv, c.want)
		}
		if !owned {
			t.Errorf("nothing is given to %s", c.want)
		}
	}
}
