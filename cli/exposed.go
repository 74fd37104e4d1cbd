package cli

import (
	"fmt"
	"io/fs"
	"os"

	"auto-installer/internal/sys"
)

// others says who beside the owner can read or change a file, or is empty.
func others(info fs.FileInfo) string {
	switch mode := info.Mode(); {
	case !mode.IsRegular(): // a pipe, or a terminal
		return ""
	case mode&0o006 != 0:
		return everyUser
	case mode&0o060 != 0:
		return "its group"
	}
	return ""
}

const everyUser = "every user"

// exposed warns of each file of a secret that is open to others, as ssh does.
// With --unattended it is refused if every user can read it.
func exposed(files ...string) []string {
	var list []string
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil { // reading it says why; empty: there is none
			continue
		}
		if who := others(info); who != "" {
			list = append(list, fmt.Sprintf("%s is a secret that is open to %s: chmod 600 %s", file, who, sys.Quote([]string{file})))
		}
	}
	return list
}

// exposed warns of the files of an install's secrets.
func (f *installFlags) exposed() []string {
	return exposed(f.passphraseFile, f.recoveryFile, f.ageIdentity, f.deployKey, f.bundlePassFile)
}
