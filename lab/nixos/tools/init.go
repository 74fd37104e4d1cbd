package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// resolveInRoot follows the links of a path as a process would whose root is root, and
// returns the path that it has for that process.
func resolveInRoot(root, path string) (string, error) {
	at, rest := "/", path
	for links := 0; rest != ""; {
		var name string
		name, rest, _ = strings.Cut(strings.TrimLeft(rest, "/"), "/")
		next := filepath.Join(at, name)
		target, err := os.Readlink(filepath.Join(root, next))
		if err != nil {
			at = next // not a link
			continue
		}
		if links++; links > 40 {
			return "", errors.New("too many links")
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = target + "/" + rest
	}
	_, err := os.Stat(filepath.Join(root, at))
	return at, err
}

// generateEnvironment prints the variables of systemd's generators
// (systemd.environment-generator(7)).
func generateEnvironment(config string, w io.Writer) error {
	data, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	var variables map[string]string
	if err := json.Unmarshal(data, &variables); err != nil {
		return err
	}
	for name, value := range variables {
		if before := os.Getenv("PATH"); name == "PATH" && before != "" {
			value += ":" + before
		}
		fmt.Fprintf(w, "%s=%q\n", name, value)
	}
	return nil
}
