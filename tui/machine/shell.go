package machine

import "os/exec"

// note is the first line in the rescue shell.
const note = "this is a rescue shell on the live system; the logs are in /run/auto-installer; `exit` returns to the installer"

// say clears a terminal, prints a line and becomes a login shell. The Linux console
// has no alternate screen, so the installer's screen is still on it. The prompt
// stays the system's, because profiles set it after the environment is read.
const say = `if [ -t 1 ] && [ "$TERM" != dumb ]; then printf '\033[H\033[2J'; fi; printf '\n%s\n\n' "$2"; exec "$1" -l`

// Shell returns the command of a rescue shell: a login shell for the caller's terminal.
// It is not $SHELL, which on a kiosk may be this program.
func (m *Machine) Shell() *exec.Cmd {
	shell, err := exec.LookPath("bash")
	if err != nil {
		shell = "sh"
	}
	cmd := exec.Command("sh", "-c", say, "sh", shell, note)
	cmd.Dir = "/"
	return cmd
}
