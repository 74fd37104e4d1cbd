package keysnix

import (
	"cmp"
	"fmt"
)

// Choice is an edit with its meaning; or lines for the user, and why no edit fits.
type Choice struct {
	Edit  *KeysEdit
	After Meaning
	Hand  *KeysEdit
	Why   error
}

// Choose takes the first proposal that the judge accepts. eval evaluates the keys
// with a proposal.
func (c Claim) Choose(p *Proposals, before Meaning, eval func(data []byte) (Meaning, error)) Choice {
	if before.Failed != nil {
		return Choice{Hand: p.ByHand[0], Why: fmt.Errorf("nix cannot evaluate it: %w", before.Failed)}
	}
	fits := func(e *KeysEdit) (Meaning, error) {
		after, err := eval(e.Data)
		if err == nil {
			err = c.Judge(before, after)
		}
		return after, err
	}
	var why error
	for _, e := range p.Edits {
		after, err := fits(e)
		if err == nil {
			return Choice{Edit: e, After: after}
		}
		why = cmp.Or(why, err)
	}
	last := len(p.ByHand) - 1
	for _, e := range p.ByHand[:last] {
		_, err := fits(e)
		if err == nil {
			return Choice{Hand: e, Why: why}
		}
		why = cmp.Or(why, err)
	}
	return Choice{Hand: p.ByHand[last], Why: why}
}
