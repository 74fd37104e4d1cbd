package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
)

// Marker is what an installed demo system reports about itself after it has booted,
// before it powers off (lab/flake/system/init).
type Marker struct {
	Host        string     `json:"host"`
	RootLabel   string     `json:"rootLabel"`
	RootDevice  string     `json:"rootDevice"`
	Mapper      *string    `json:"mapper"` // nil without LUKS
	BootMounted bool       `json:"bootMounted"`
	BootDevice  *string    `json:"bootDevice"`
	Swap        *Swap      `json:"swap"` // nil unless it is active
	Identity    []PathFact `json:"identity"`
	Secrets     []Secret   `json:"secrets"` // the decrypted ones
	Paths       []PathFact `json:"paths"`   // extraMountDirs, the clone, the user's home and .ssh
	RepoPath    string     `json:"repoPath"`
	RepoPresent bool       `json:"repoPresent"`
	Rev         string     `json:"rev"`    // of the config repo it was built from
	System      string     `json:"system"` // its toplevel
	Kernel      string     `json:"kernel"`
}

// Swap is an active swap device; its Kind is "plain", or "random" for one encrypted
// with a new key at each boot.
type Swap struct {
	Device string `json:"device"`
	Kind   string `json:"kind"`
}

// Secret is a secret that the booted system has decrypted, as the SHA-256 of its
// plaintext.
type Secret struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// PathFact is one path of the booted system; modes are octal, as stat prints them.
type PathFact struct {
	Path    string `json:"path"`
	Mode    string `json:"mode"`
	UID     string `json:"uid"`
	GID     string `json:"gid"`
	DirMode string `json:"dirmode"`
}

var markerLine = regexp.MustCompile(`AUTO-INSTALLER-MARKER (\{[^\r\n]*\})\r*\n`)

// ExpectMarker waits for the marker line on the console.
func (c *Console) ExpectMarker(ctx context.Context) (Marker, error) {
	match, err := c.Expect(ctx, markerLine)
	if err != nil {
		return Marker{}, err
	}
	return parseMarker(match[1])
}

func parseMarker(text string) (Marker, error) {
	var marker Marker
	if err := json.Unmarshal([]byte(text), &marker); err != nil {
		return Marker{}, fmt.Errorf("the marker line is invalid: %w: %s", err, text)
	}
	return marker, nil
}
