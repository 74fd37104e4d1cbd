package keysnix

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"auto-installer/secrets"
)

// Choice is an edit that the judge accepts, with its meaning. If it has a line for the
// user, Why says why no other edit fits.
type Choice struct {
	*Edit
	After Meaning
	Why   error
}

// Enter chooses an edit that enters the key into a keys.nix. eval evaluates the keys
// with an edit. The error is ErrHostExists or ErrKeyInUse.
func (c Claim) Enter(src []byte, before Meaning, eval func(data []byte) (Meaning, error)) (Choice, error) {
	list, why, err := c.propose(src)
	if err != nil {
		return Choice{}, err
	}
	if before.Failed != nil {
		i := slices.IndexFunc(list, func(e *Edit) bool { return e.Hand.Text != "" })
		why = cmp.Or(why, fmt.Errorf("nix cannot evaluate it: %w", before.Failed))
		return Choice{list[i], before, why}, nil //nolint:nilerr // the user gets a line
	}
	last := len(list) - 1
	for _, e := range list[:last] {
		after, err := eval(e.Data)
		if err == nil {
			err = c.Judge(before, after)
		}
		if err == nil {
			return Choice{e, after, why}, nil
		}
		why = cmp.Or(why, err)
	}
	return Choice{list[last], before, why}, nil
}

// propose gives edits, the best first, then one that leaves the file; and a *ShapeError
// if there is no edit. err refuses the key.
func (c *Claim) propose(src []byte) (list []*Edit, why, err error) {
	k, why := readKeys(src)
	if why != nil && !c.Replace {
		return []*Edit{{Data: src, Hand: c.ForRules()}}, why, nil
	}
	left := &Edit{Data: src, Hand: HandLine{Place: "the place of its old key", Text: `"` + c.Key + `"`}}
	if why != nil {
		return []*Edit{left}, why, nil
	}
	if err := k.inUse(*c); err != nil {
		return nil, nil, err
	}
	old, why := k.find(c.Host)
	switch {
	case !c.Replace, errors.Is(why, ErrNoHost):
		return k.add(*c)
	case why == nil:
		c.Old = old.text()
		if r, err := secrets.ParseRecipient(c.Old); err == nil {
			c.Old = r.ID()
		}
		return []*Edit{k.apply([]change{{old.key.From, old.key.To, left.Hand.Text}}), left}, nil, nil
	}
	return []*Edit{left}, why, nil
}
