package savelog

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
)

// minSecret is the length of the shortest secret to look for, in bytes: a shorter
// one is in every log by chance.
const minSecret = 4

// contains reports whether a secret is in a text: as it is, or in Go's JSON and common
// encodings.
func contains(text, secret []byte) bool {
	if len(secret) < minSecret {
		return false
	}
	// Without padding, which finds both kinds.
	forms := [][]byte{
		bytes.Clone(secret), base64.RawStdEncoding.AppendEncode(nil, secret),
		base64.RawURLEncoding.AppendEncode(nil, secret), hex.AppendEncode(nil, secret),
	}
	// JSON with and without <, > and & escaped, without the quotes.
	for _, html := range []bool{true, false} {
		var quoted bytes.Buffer
		enc := json.NewEncoder(&quoted)
		enc.SetEscapeHTML(html)
		if enc.Encode(string(secret)) == nil {
			b := bytes.TrimSpace(quoted.Bytes())
			forms = append(forms, b[1:len(b)-1])
		}
	}
	found := false
	for _, form := range forms {
		found = found || bytes.Contains(text, form)
		clear(form)
	}
	return found
}
