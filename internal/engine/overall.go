package engine

import "auto-installer/internal/sys"

// Overall is how far an install is, as its events tell. A step counts by the
// work that it is, and within a step its own progress counts. It never goes
// back, and is whole only when the install has ended well.
type Overall struct {
	weights map[Name]float64
	done    float64            // of the finished steps
	total   float64            // of all
	at      float64            // weight of the step that runs
	units   map[string]float64 // of the step that runs: how far it is in each
	shown   float64
}

const (
	leastWeight = 1    // of a step, also of one that was finished before
	mostShown   = .995 // before the end
	mostUnits   = 8    // more than any step counts in
)

func (s Step) weigh() float64 {
	if s.Again {
		return leastWeight
	}
	return max(s.Weight, leastWeight)
}

// Part is how much is done, of 1.
func (o *Overall) Part() float64 { return o.shown }

// Percent is Part as a whole number: 100 at the end alone.
func (o *Overall) Percent() int { return int(o.shown * 100) }

// Event takes an event of the install.
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
	if _, known := o.units[p.Unit]; p.Total <= 0 || o.units == nil || !known && len(o.units) == mostUnits {
		return
	}
	of := float64(max(0, min(p.Done, p.Total))) / float64(p.Total)
	o.units[p.Unit] = max(o.units[p.Unit], of)
}

// part is how far the step that runs is: the mean over its units, since a step
// that has fetched every path may still have all its builds before it.
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
