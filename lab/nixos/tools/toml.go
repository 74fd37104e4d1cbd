package main

import (
	"bytes"
	"encoding/json"
	"os"

	"github.com/pelletier/go-toml/v2"
)

// writeTOML converts one value of a JSON object to TOML: json2x toml --unwrap KEY IN OUT.
func writeTOML(key, in, out string) error {
	data, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	var value map[string]any
	d := json.NewDecoder(bytes.NewReader(all[key]))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		return err
	}
	var text bytes.Buffer
	e := toml.NewEncoder(&text)
	e.SetMarshalJSONNumbers(true)
	if err := e.Encode(value); err != nil {
		return err
	}
	return os.WriteFile(out, text.Bytes(), 0o644)
}
