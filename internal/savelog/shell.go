package savelog

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Note is what the rescue shell says first.
const Note = "this is a rescue shell on the live system; the logs are in /run/auto-installer; `exit` goes back to the installer"

// say prints a line and becomes a login shell. The prompt stays the system's:
// profiles set it after the environment is read. A terminal is cleared first:
// the Linux console has no second screen, so the installer's is still there.
const say = `if [ -t 1 ] && [ "$TERM" != dumb ]; then printf '\033[H\033[2J'; fi; printf '\n%s\n\n' "$2"; exec "$1" -l`

// Shell is the command line of a login shell for the terminal of the caller,
// who waits for its end: $SHELL, or else bash or sh. What is no shell to work
// with, this program above all, is passed over.
func Shell() []string {
	sh := "sh"
	for _, want := range []string{os.Getenv("SHELL"), "bash", "sh"} {
		if want == "" || slices.Contains([]string{"nologin", "false", "true"}, filepath.Base(want)) {
			continue
		}
		if path, err := exec.LookPath(want); err == nil && filepath.IsAbs(path) && !thisProgram(path) {
			sh = path
			break
		}
	}
	return []string{"sh", "-c", say, "sh", sh, Note}
}

// thisProgram tells if a path is the running program: on a kiosk it may be the
// login shell.
func thisProgram(path string) bool {
	a, err := os.Stat(path)
	if err != nil {
		return false
	}
	b, err := os.Stat("/proc/self/exe")
	return err == nil && os.SameFile(a, b)
}
