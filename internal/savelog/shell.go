package savelog

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// note is the first line in the rescue shell.
const note = "this is a rescue shell on the live system; the logs are in /run/auto-installer; `exit` returns to the installer"

// say clears a terminal, prints a line and becomes a login shell. The Linux console
// has no alternate screen, so the installer's screen is still on it. The prompt
// stays the system's, because profiles set it after the environment is read.
const say = `if [ -t 1 ] && [ "$TERM" != dumb ]; then printf '\033[H\033[2J'; fi; printf '\n%s\n\n' "$2"; exec "$1" -l`

// Shell is the command line of a login shell for the caller's terminal: $SHELL, or
// else bash or sh. It skips programs that are not a usable shell, this program
// above all.
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
	return []string{"sh", "-c", say, "sh", sh, note}
}

// thisProgram reports whether a path is the running program: on a kiosk it may be
// the login shell.
func thisProgram(path string) bool {
	a, errA := os.Stat(path)
	b, errB := os.Stat("/proc/self/exe")
	return errA == nil && errB == nil && os.SameFile(a, b)
}
