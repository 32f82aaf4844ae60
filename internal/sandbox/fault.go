package sandbox

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"importer/internal/sandbox/store"
)

// The kinds of a fault.
const (
	FaultStatus      = "status"       // not processed, answered with an error
	FaultDropBefore  = "drop-before"  // not processed, the connection is closed
	FaultDropAfter   = "drop-after"   // processed and stored, then the connection is closed without an answer
	FaultStatusAfter = "status-after" // processed and stored, then answered with an error
	FaultReadLag     = "read-lag"     // a write is hidden from list and get for a while
	FaultListLag     = "list-lag"     // a write is hidden from list for a while
	FaultGetLag      = "get-lag"      // a write is hidden from get for a while

	// Somebody else writes between two requests.
	FaultWrite         = "write"           // to any profile
	FaultWriteAfterGet = "write-after-get" // to the profile that a get showed last

	// Something on the way answers with a page in place of the API.
	FaultPage           = "page"           // not processed, answered 200 with a login page
	FaultGateway404     = "gateway404"     // not processed, answered with a gateway's own 404
	FaultWAF403         = "waf403"         // not processed, answered 403 with a firewall's page
	FaultMaintenance503 = "maintenance503" // processed and stored, then answered 503 with a maintenance page
	FaultShortList      = "short-list"     // a list ends before its own total
	FaultMixedCache     = "mixed-cache"    // get now and then shows another profile
)

// mixedCacheProbability is how often FaultMixedCache befalls a get.
const mixedCacheProbability = 0.1

// A Fault is something that goes wrong on purpose.
type Fault struct {
	Kind string
	// Code is the code of the error that is answered, such as 429 or 1008. It
	// decides the status. Of FaultStatus and FaultStatusAfter only.
	Code        int
	Probability float64       // above 0 to 1, of a request; not of the lags, FaultShortList and FaultMixedCache
	Lag         time.Duration // above 0; of FaultReadLag, FaultListLag and FaultGetLag only
}

// faultForms are the faults as people write them; P is a probability above 0 and up
// to 1.
const faultForms = "STATUS:P, STATUS-after:P, drop-before:P, drop-after:P, page:P, gateway404:P, waf403:P, maintenance503:P, write:P, write-after-get:P, " +
	"read-lag:DURATION, list-lag:DURATION, get-lag:DURATION, short-list or mixed-cache"

// ParseFaults reads several, each as ParseFault does.
func ParseFaults(specs []string) (faults []Fault, err error) {
	for _, spec := range specs {
		f, err := ParseFault(spec)
		if err != nil {
			return nil, err
		}
		faults = append(faults, f)
	}
	return faults, nil
}

// ParseFault reads a fault as people write it, such as "500:0.01", "503-after:0.01",
// "drop-after:0.01", "read-lag:5s" or "short-list". In place of a status may stand one
// of the API's own codes, as in "8001:0.01" for a 504 with the code 8001.
func ParseFault(spec string) (Fault, error) {
	name, value, colon := strings.Cut(spec, ":")
	f := Fault{Kind: name}
	switch name {
	case FaultReadLag, FaultListLag, FaultGetLag:
		lag, err := time.ParseDuration(value)
		if err != nil || lag <= 0 {
			return Fault{}, fmt.Errorf("fault %q: want a time above 0, as in %s:5s", spec, name)
		}
		f.Lag = lag
		return f, nil
	case FaultShortList, FaultMixedCache:
		if colon {
			return Fault{}, fmt.Errorf("fault %q: want %s alone, because it takes no value", spec, name)
		}
		return f, nil
	case FaultDropBefore, FaultDropAfter, FaultPage, FaultGateway404, FaultWAF403, FaultMaintenance503, FaultWrite, FaultWriteAfterGet:
	default:
		number, after := strings.CutSuffix(name, "-after")
		f.Kind = FaultStatus
		if after {
			f.Kind = FaultStatusAfter
		}
		n, err := strconv.Atoi(number)
		if err != nil {
			return Fault{}, fmt.Errorf("fault %q: want %s", spec, faultForms)
		}
		f.Code = codeOfStatus(n)
		if _, known := codes[f.Code]; !known {
			return Fault{}, fmt.Errorf("fault %q: the API has no error %d", spec, n)
		}
	}
	p, err := strconv.ParseFloat(value, 64)
	if err != nil || !(p > 0 && p <= 1) {
		return Fault{}, fmt.Errorf("fault %q: want a probability above 0 and up to 1, as in %s:0.01", spec, name)
	}
	f.Probability = p
	return f, nil
}

// String is the fault as ParseFault reads it.
func (f Fault) String() string {
	switch f.Kind {
	case FaultReadLag, FaultListLag, FaultGetLag:
		return fmt.Sprintf("%s:%v", f.Kind, f.Lag)
	case FaultShortList, FaultMixedCache:
		return f.Kind
	case FaultStatus, FaultStatusAfter:
		return f.name() + ":" + strconv.FormatFloat(f.Probability, 'g', -1, 64)
	}
	return f.Kind + ":" + strconv.FormatFloat(f.Probability, 'g', -1, 64)
}

// name is the fault without its probability.
func (f Fault) name() string {
	switch f.Kind {
	case FaultStatus, FaultStatusAfter:
		n := f.Code
		if status := codes[f.Code]; codeOfStatus(status) == f.Code {
			n = status
		}
		return strconv.Itoa(n) + strings.TrimPrefix(f.Kind, FaultStatus)
	}
	return f.Kind
}

// befalls tells whether the fault befalls some requests and not others.
func (f Fault) befalls() bool { return f.Lag == 0 && f.Kind != FaultShortList && !f.writes() }

// writes tells whether the fault is somebody else who writes.
func (f Fault) writes() bool { return f.Kind == FaultWrite || f.Kind == FaultWriteAfterGet }

// processed tells that the request is processed and stored before it goes wrong.
func (f Fault) processed() bool {
	switch f.Kind {
	case FaultDropBefore, FaultStatus, FaultPage, FaultGateway404, FaultWAF403:
		return false
	}
	return true
}

// dice decide which requests a fault comes with. The decision hangs on the seed, on what
// is sent, and on how often that was sent before, but not on the order in which
// requests arrive: the same rows lose their answers in every run, however many
// workers send them.
type dice struct {
	seed   uint64
	faults []Fault
	sent   map[uint64]uint32
}

// newDice makes dice for those of the faults that they are about.
func newDice(seed uint64, faults []Fault, about func(Fault) bool) *dice {
	d := &dice{seed: seed, sent: make(map[uint64]uint32)}
	for _, f := range faults {
		if f.Kind == FaultMixedCache {
			f.Probability = mixedCacheProbability
		}
		if about(f) {
			d.faults = append(d.faults, f)
		}
	}
	return d
}

// maxSent bounds the memory of the dice. Once so many different requests were
// seen, the counts start afresh.
const maxSent = 1 << 20

// throw returns the fault that comes with a request, and random numbers to carry it
// out; nil where none does. The faults are tried in their order, each with a chance of
// its own.
func (d *dice) throw(s *store.Store, c *call) (*Fault, *rand.Rand) {
	if len(d.faults) == 0 {
		return nil, nil
	}
	h := fnv.New64a()
	h.Write([]byte(c.r.Method))
	h.Write([]byte{0})
	h.Write([]byte(target(s, c)))
	h.Write([]byte{0})
	h.Write(c.body)
	sum := h.Sum64()
	if len(d.sent) >= maxSent {
		clear(d.sent)
	}
	n := d.sent[sum]
	d.sent[sum] = n + 1
	r := rand.New(rand.NewPCG(d.seed^sum, uint64(n)))
	for i := range d.faults {
		if r.Float64() < d.faults[i].Probability && (d.faults[i].Kind != FaultMixedCache || c.operation.name == "get") {
			return &d.faults[i], r
		}
	}
	return nil, nil
}

// target is the target of a request with a contact id in the place of a profile's id:
// ids hang on the time, and the same requests have to look the same in every run.
func target(s *store.Store, c *call) string {
	uri := c.r.URL.RequestURI()
	if p := s.Find(c.id, c.at); p != nil && len(p.ContactIDs) > 0 {
		return strings.Replace(uri, c.id, p.ContactIDs[0], 1)
	}
	return uri
}

// longestLag is the longest lag of the faults of these kinds; 0 where there is none.
func longestLag(faults []Fault, kinds ...string) time.Duration {
	var lag time.Duration
	for _, f := range faults {
		if slices.Contains(kinds, f.Kind) {
			lag = max(lag, f.Lag)
		}
	}
	return lag
}
