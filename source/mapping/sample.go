package mapping

import (
	"strings"

	"importer/source/mapping/dates"
)

// sampleRows is how many of the first rows of a file a plan looks at.
const sampleRows = 1000

// A columnSample is what a plan learns of an output from the first rows.
type columnSample struct {
	dates        dates.Sample
	values, fits int
}

// judged are the outputs of which the first rows tell something: how birthdays are
// written, and whether a column of consent that is taken by its name alone holds yes and
// no. Programs give such names to columns of channels, dates and states as well:
// ["email"], 2024-01-01 10:00, SUBSCRIBED.
func (p *Plan) judged() (all []*output) {
	for _, o := range p.fields {
		if o.kind == birthday || o.path == "" && o.name == "accepted_gdpr" {
			all = append(all, o)
		}
	}
	return all
}

// WantsSample tells whether the plan has something to learn from the first rows.
func (p *Plan) WantsSample() bool { return len(p.judged()) > 0 || p.members != nil && !p.allIDs }

// Sample lets the plan see the first rows of its file. It stops at the first error of
// next, whatever it is: who reads the rows meets it again.
func (p *Plan) Sample(next func(*Record) error, nullValues []string) {
	m := NewMapper("", p, nullValues)
	judged := p.judged()
	samples := make([]columnSample, len(judged))
	var rec Record
	for n := 0; n < sampleRows && next(&rec) == nil; n++ {
		if rec.Fault != nil || m.takeApart(&rec) != nil {
			continue
		}
		p.seeTargets(m.cells)
		if m.exact {
			continue
		}
		for i, o := range judged {
			if cells, f := m.filled(o, false); f == nil && len(cells) > 0 {
				samples[i].add(cells[0].cell, o)
			}
		}
	}
	for i, o := range judged {
		if o.kind == birthday {
			o.forms = samples[i].dates.Forms()
		} else {
			o.misnamed = samples[i].values > 0 && !dates.Mostly(samples[i].fits, samples[i].values)
		}
	}
}

func (s *columnSample) add(c cell, o *output) {
	if o.kind == birthday {
		s.dates.Add(strings.TrimSpace(c.text))
		return
	}
	s.values++
	if _, f := boolOf(c, &o.options); f == nil {
		s.fits++
	}
}
