package passphrases

import "crypto/rand"

// modhex is an alphabet whose letters are on the same keys of most keyboards, so a key that
// is typed with the wrong keymap is still right (Yubico's modhex; systemd-cryptenroll(1)
// uses it for its recovery keys).
const modhex = "cbdefghijklnrtuv"

// recoveryLetters gives 128 bits, which cannot be guessed.
const recoveryLetters = 32

// NewRecoveryKey makes a random recovery key of 32 letters. Wipe it after use.
func NewRecoveryKey() []byte {
	key := make([]byte, recoveryLetters)
	_, _ = rand.Read(key) // never fails
	for i, b := range key {
		key[i] = modhex[b&15]
	}
	return key
}
