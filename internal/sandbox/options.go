package sandbox

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"importer/internal/sandbox/store"
	"importer/internal/words"
)

// What the zero values of Options stand for.
const (
	DefaultAPIKey    = "sandbox"
	DefaultProjectID = "65f0000000000000000000aa"
	DefaultMaxBody   = 60_000 // bytes; the API documents 60 kB, and this is the smaller reading of it
	DefaultTTL       = 30 * 24 * time.Hour
)

// Options say how the sandbox behaves where the API is configured or where its
// behaviour is unknown. The zero value is a sandbox in memory, without quota and
// without faults.
type Options struct {
	APIKey    string // DefaultAPIKey where it is empty
	ProjectID string // 24 characters of a–z and 0–9; DefaultProjectID where it is empty

	// DataFile is a SQLite file that keeps the profiles and the schema. It is
	// made where it is not there. Empty: they are kept in memory only.
	DataFile string

	Rate       Rate          // quota of each client address; the zero value is none
	RetryAfter string        // of a 429 and an injected 503: RetryAfterSeconds (the zero value), RetryAfterDate or RetryAfterNone
	Latency    time.Duration // added to each request to the API
	MaxBody    int           // bytes of a request body; DefaultMaxBody where it is 0
	// TTL is how long after its last read or change a profile is removed. Getting
	// and exporting a profile are reads, listing it is not. DefaultTTL where it
	// is 0; negative keeps profiles for ever.
	TTL time.Duration

	Faults []Fault
	Seed   uint64 // of the faults and of the ids; the same seed gives the same

	// The switches. Each has the first of its values where it is empty.
	OnDuplicate    string // create with a contact id that is taken: DuplicateConflict, DuplicateAllow or DuplicateReturn
	Patch          string // member "profile" of an update: PatchMerge or PatchReplace
	CreateStatus   int    // 201 or 200
	UnknownMembers string // unknown members of a body: UnknownReject or UnknownIgnore
	UnknownFields  string // fields outside the schema: FieldsKeep, FieldsDrop or FieldsReject
	LimitAbove     string // a list limit above 100: LimitClamp or LimitReject
	DefaultMedia   string // without Accept: MediaJSON or MediaHAL

	// Clock is read for times, the quota and the life time of profiles; time.Now
	// where it is nil. It is called from several goroutines at once. Latency and
	// the timeouts of the listener run in real time.
	Clock func() time.Time
	// Log tells of each request (debug) and of each injected fault (info). It is
	// never given the key or a contact id.
	Log zerolog.Logger
}

// The values of the switches.
const (
	DuplicateConflict = "conflict" // 409
	DuplicateAllow    = "allow"    // a second profile
	DuplicateReturn   = "return"   // the profile that is there

	PatchMerge   = "merge"   // field by field
	PatchReplace = "replace" // the whole of it

	UnknownReject = "reject"
	UnknownIgnore = "ignore"

	FieldsKeep   = store.KeepUnknown
	FieldsDrop   = store.DropUnknown
	FieldsReject = store.RejectUnknown

	LimitClamp  = "clamp"
	LimitReject = "reject"

	MediaJSON = "json"
	MediaHAL  = "hal"

	RetryAfterSeconds = "seconds"
	RetryAfterDate    = "date"
	RetryAfterNone    = "none"
)

// A choice is an option with a few named values. The first is the default.
type choice struct {
	name   string
	value  *string
	values []string
}

func (o *Options) choices() []choice {
	return []choice{
		{"on-duplicate", &o.OnDuplicate, []string{DuplicateConflict, DuplicateAllow, DuplicateReturn}},
		{"patch", &o.Patch, []string{PatchMerge, PatchReplace}},
		{"unknown-members", &o.UnknownMembers, []string{UnknownReject, UnknownIgnore}},
		{"unknown-fields", &o.UnknownFields, []string{FieldsKeep, FieldsDrop, FieldsReject}},
		{"limit-above", &o.LimitAbove, []string{LimitClamp, LimitReject}},
		{"default-media", &o.DefaultMedia, []string{MediaJSON, MediaHAL}},
		{"retry-after", &o.RetryAfter, []string{RetryAfterSeconds, RetryAfterDate, RetryAfterNone}},
	}
}

var id24 = regexp.MustCompile(`^[a-z0-9]{24}$`)

// Validate tells whether New would take the options; it does not look at the
// data file.
func (o Options) Validate() error {
	_, err := o.withDefaults()
	return err
}

// withDefaults fills in what is empty, and refuses what makes no sense.
func (o Options) withDefaults() (Options, error) {
	for _, c := range o.choices() {
		if *c.value == "" {
			*c.value = c.values[0]
		}
		if _, err := words.Choice(*c.value, c.values...); err != nil {
			return o, fmt.Errorf("%s %w", c.name, err)
		}
	}
	if o.APIKey == "" {
		o.APIKey = DefaultAPIKey
	}
	if o.ProjectID == "" {
		o.ProjectID = DefaultProjectID
	}
	if !id24.MatchString(o.ProjectID) {
		return o, fmt.Errorf("project id %q: want 24 characters of a–z and 0–9", o.ProjectID)
	}
	if o.CreateStatus == 0 {
		o.CreateStatus = 201
	}
	if o.CreateStatus != 200 && o.CreateStatus != 201 {
		return o, fmt.Errorf("create status %d: want 200 or 201", o.CreateStatus)
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.MaxBody < 0 || o.MaxBody > maxProfileBytes {
		return o, fmt.Errorf("largest body of %d bytes: want 1 to %d", o.MaxBody, maxProfileBytes)
	}
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.Latency < 0 || o.Latency > time.Minute {
		return o, fmt.Errorf("latency %v: want 0 to 1m", o.Latency)
	}
	if r := o.Rate; (r != Rate{}) && (r.Requests < 1 || r.Requests > maxQuota || r.Window <= 0) {
		return o, fmt.Errorf("rate %v: want 1 to %d requests in a time above 0", r, maxQuota)
	}
	for _, f := range o.Faults {
		if _, err := ParseFault(f.String()); err != nil {
			return o, err
		}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o, nil
}

// maxQuota bounds the memory that the quota of one client takes: 8 bytes a request.
const maxQuota = 1_000_000

// A Rate is a quota: so many requests in any window of that length. The zero
// value is no quota.
type Rate struct {
	Requests int
	Window   time.Duration
}

// ParseRate reads "off" or a quota such as "1000/5m".
func ParseRate(s string) (Rate, error) {
	if s == "off" {
		return Rate{}, nil
	}
	number, window, found := strings.Cut(s, "/")
	n, err := strconv.Atoi(number)
	d, err2 := time.ParseDuration(window)
	if !found || err != nil || err2 != nil || n < 1 || n > maxQuota || d <= 0 {
		return Rate{}, fmt.Errorf("rate %q: want off, or requests and time as in 1000/5m", s)
	}
	return Rate{Requests: n, Window: d}, nil
}

// String is the rate as ParseRate reads it.
func (r Rate) String() string {
	if r == (Rate{}) {
		return "off"
	}
	window := r.Window.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if short, found := strings.CutSuffix(window, zero); found {
			window = short + zero[:1]
		}
	}
	return fmt.Sprintf("%d/%s", r.Requests, window)
}
