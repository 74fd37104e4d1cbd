package encrypt

import (
	"encoding/json"
	"errors"
	"fmt"

	"auto-installer/internal/sys"
)

func dumpCmd(o Options) sys.Cmd {
	return sys.Cmd{
		Does: "verify that the container is like one of this installer",
		Argv: []string{"cryptsetup", "luksDump", "--dump-json-metadata", o.Device},
	}
}

// The ciphers of luksFormat (cryptsetup(8): LUKS2's default, and --pbkdf).
const (
	cipher = "aes-xts-plain64"
	pbkdf  = "argon2id"
)

// genuine returns an error for a LUKS2 header that this installer does not write. A
// passphrase that opens a container proves who filled it only if every other passphrase
// fails: a keyslot of the cipher "cipher_null" opens with any (Trail of Bits,
// "Vulnerabilities in LUKS2 disk encryption for confidential VMs", 2025), and a header can
// describe data that is not encrypted.
func genuine(metadata []byte) error {
	var h struct {
		Keyslots map[string]struct {
			Type string `json:"type"`
			Area struct {
				Encryption string `json:"encryption"`
			} `json:"area"`
			KDF struct {
				Type string `json:"type"`
			} `json:"kdf"`
		} `json:"keyslots"`
		Segments map[string]struct {
			Type       string          `json:"type"`
			Encryption string          `json:"encryption"`
			Integrity  json.RawMessage `json:"integrity"`
		} `json:"segments"`
		Config struct {
			Requirements json.RawMessage `json:"requirements"`
		} `json:"config"`
	}
	if err := json.Unmarshal(metadata, &h); err != nil {
		return fmt.Errorf("invalid header: %w", err)
	}
	if len(h.Keyslots) == 0 {
		return errors.New("it has no keyslot")
	}
	for n, k := range h.Keyslots {
		if k.Type != "luks2" || k.Area.Encryption != cipher || k.KDF.Type != pbkdf {
			return fmt.Errorf("its keyslot %s is %s with %s (%s); this installer creates luks2 with %s (%s)",
				sys.Clean(n), sys.Clean(k.Type), sys.Clean(k.Area.Encryption), sys.Clean(k.KDF.Type), cipher, pbkdf)
		}
	}
	data, ok := h.Segments["0"]
	switch {
	case !ok || len(h.Segments) != 1:
		return fmt.Errorf("it has %d segments; this installer creates one", len(h.Segments))
	case data.Type != "crypt" || data.Encryption != cipher || data.Integrity != nil:
		return fmt.Errorf("its data is %s with %s; this installer creates crypt with %s", sys.Clean(data.Type), sys.Clean(data.Encryption), cipher)
	case h.Config.Requirements != nil:
		return errors.New("it requires features that this installer does not use, such as re-encryption")
	}
	return nil
}
