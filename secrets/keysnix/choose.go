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
	var why error
	if p.Why != nil {
		why = p.Why
	}
	if before.Failed != nil {
		return Choice{Hand: p.ByHand[0], Why: cmp.Or(why, fmt.Errorf("nix cannot evaluate it: %w", before.Failed))}
	}
	first := func(list []*KeysEdit) (*KeysEdit, Meaning) {
		for _, e := range list {
			after, err := eval(e.Data)
			if err == nil {
				err = c.Judge(before, after)
			}
			if err == nil {
				return e, after
			}
			why = cmp.Or(why, err)
		}
		return nil, Meaning{}
	}
	if e, after := first(p.Edits); e != nil {
		return Choice{Edit: e, After: after}
	}
	last := len(p.ByHand) - 1
	hand, _ := first(p.ByHand[:last])
	return Choice{Hand: cmp.Or(hand, p.ByHand[last]), Why: why}
}
