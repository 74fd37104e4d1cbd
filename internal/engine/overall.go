package engine

import "auto-installer/internal/sys"

// Overall is how far an install is. It adds up the weights of the finished steps and
// the progress of the running one. It never goes back, and reaches 1 only when the
// install has succeeded.
type Overall struct {
	weights map[Name]float64
	done    float64            // weight of the finished steps
	total   float64            // weight of all steps
	at      float64            // weight of the running step
	units   map[string]float64 // progress of the running step, in each of its units
	shown   float64
}

const (
	leastWeight = 1    // of a step, also of one that an earlier install has finished
	mostShown   = .995 // until the install has succeeded
)

func (s Step) weigh() float64 {
	if s.Again {
		return leastWeight
	}
	return max(s.Weight, leastWeight)
}

// Part returns how much is done, from 0 to 1.
func (o *Overall) Part() float64 { return o.shown }

// Percent is Part in percent. It is 100 only at the end.
func (o *Overall) Percent() int { return int(o.shown * 100) }

// Event takes the next event of the install.
func (o *Overall) Event(e Event) {
	switch {
	case e.Kind == KindPlan && e.Plan != nil:
		*o = Overall{weights: map[Name]float64{}}
		for _, s := range e.Plan.Steps {
			o.weights[s.Name] = s.weigh()
			o.total += o.weights[s.Name]
		}
	case e.Kind == KindStarted:
		o.at, o.units = o.weights[e.Step], map[string]float64{}
	case e.Kind == KindProgress && e.Progress != nil:
		o.progress(*e.Progress)
	case e.Kind == KindFinished:
		o.done += o.weights[e.Step]
		o.at, o.units = 0, nil
	case e.Kind == KindEnded && e.Error == nil:
		o.shown = 1
		return
	}
	if o.total > 0 {
		o.shown = max(o.shown, min((o.done+o.at*o.part())/o.total, mostShown))
	}
}

func (o *Overall) progress(p sys.Progress) {
	if p.Total <= 0 || o.units == nil {
		return
	}
	of := float64(max(0, min(p.Done, p.Total))) / float64(p.Total)
	o.units[p.Unit] = max(o.units[p.Unit], of)
}

// part returns how far the running step is: the mean over its units, because a step
// that has fetched every path may still have all of its builds to do.
func (o *Overall) part() float64 {
	if len(o.units) == 0 {
		return 0
	}
	sum := 0.
	for _, of := range o.units {
		sum += of
	}
	return sum / float64(len(o.units))
}
