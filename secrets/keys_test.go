package secrets

import "strings"

const (
	keyA = "age1km66xyyyq8s20qvad08pu7pujqn62e9xux32pl5xr6wdgvgnl4jsfeer43"
	keyB = "age1584vey87tn5hzyr9qmt04pnls9ja2qzeedghpmhvst6e8q9y4a6q8v63lk"
	keyP = "age1xlmtse68ltwmn3lhczsw4wkmr8vk5fkhcqrwdgn9x2fzf0dd6pcqtmlfqd"
)

// keysText fills in the keys: @A and so on.
func keysText(s string) string {
	return strings.NewReplacer("@A", keyA, "@B", keyB, "@P", keyP).Replace(s)
}
