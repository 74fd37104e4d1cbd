package savelog

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
)

// minSecret is the length of the shortest secret to look for, in bytes: a shorter
// one is in every log by chance.
const minSecret = 4

// forms lists a secret as it may appear in a log: as it is, and in Go's JSON and
// common encodings. The caller wipes them.
func forms(secret []byte) [][]byte {
	if len(secret) < minSecret {
		return nil
	}
	all := [][]byte{bytes.Clone(secret)}
	// JSON with and without <, > and & escaped, without the quotes.
	for _, html := range []bool{true, false} {
		var quoted bytes.Buffer
		enc := json.NewEncoder(&quoted)
		enc.SetEscapeHTML(html)
		if enc.Encode(string(secret)) == nil {
			b := bytes.TrimSpace(quoted.Bytes())
			all = append(all, b[1:len(b)-1])
		}
	}
	// Without padding, which finds both kinds.
	return append(all, base64.RawStdEncoding.AppendEncode(nil, secret), base64.RawURLEncoding.AppendEncode(nil, secret), hex.AppendEncode(nil, secret))
}

// scan reads all of r, counts its bytes, and reports whether one of the forms is
// in it.
func scan(r io.Reader, forms [][]byte) (n int64, found bool, err error) {
	longest := 1
	for _, f := range forms {
		longest = max(longest, len(f))
	}
	buf := make([]byte, 0, 256<<10+longest)
	defer func() { clear(buf[:cap(buf)]) }()
	for {
		got, err := r.Read(buf[len(buf):cap(buf)])
		n += int64(got)
		buf = buf[:len(buf)+got]
		for _, f := range forms {
			if bytes.Contains(buf, f) {
				return n, true, nil
			}
		}
		if errors.Is(err, io.EOF) {
			return n, false, nil
		}
		if err != nil {
			return n, false, err
		}
		// Keep the end, which may be the start of a secret.
		if keep := longest - 1; len(buf) > keep {
			buf = buf[:copy(buf, buf[len(buf)-keep:])]
		}
	}
}
