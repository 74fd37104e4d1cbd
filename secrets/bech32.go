package secrets

// age makes an identity of its text only, so the bytes of an ssh key must become
// Bech32 (BIP 173) first.

const bech32Letters = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"

func bech32Polymod(values []byte) uint32 {
	sum := uint32(1)
	for _, v := range values {
		top := sum >> 25
		sum = (sum&0x1ffffff)<<5 ^ uint32(v)
		for i, g := range [...]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	return sum
}

// bech32Encode encodes data in upper case, under a prefix of capital letters and -.
// The caller wipes the result.
func bech32Encode(prefix string, data []byte) []byte {
	// Growing would leave copies, so it is allocated once.
	values := make([]byte, 0, 2*len(prefix)+1+(len(data)*8+4)/5+6)
	defer func() { clear(values[:cap(values)]) }()
	for _, c := range []byte(prefix) {
		values = append(values, (c|0x20)>>5) // the checksum is that of lower case
	}
	values = append(values, 0)
	for _, c := range []byte(prefix) {
		values = append(values, c&31)
	}
	start := len(values)
	acc, bits := uint32(0), 0
	for _, b := range data {
		acc, bits = acc<<8|uint32(b), bits+8
		for bits >= 5 {
			bits -= 5
			values = append(values, byte(acc>>bits)&31)
		}
	}
	if bits > 0 {
		values = append(values, byte(acc<<(5-bits))&31)
	}
	end := len(values)
	values = append(values, 0, 0, 0, 0, 0, 0)
	sum := bech32Polymod(values) ^ 1
	for i := range 6 {
		values[end+i] = byte(sum>>(5*(5-i))) & 31
	}
	out := make([]byte, 0, len(prefix)+1+len(values)-start)
	out = append(append(out, prefix...), '1')
	for _, v := range values[start:] {
		out = append(out, bech32Letters[v])
	}
	return out
}
