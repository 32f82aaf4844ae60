package sandbox

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"importer/internal/sandbox/origin"
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

	CreateStatus int // of a create: 201 (where it is 0) or 200
	UpdateStatus int // of an update: 204 (where it is 0) without a body, or 200 with the profile

	// The switches; Switches says what each is for. Each has the first of its values
	// where it is empty.
	OnDuplicate       string // DuplicateConflict, DuplicateConflictSameSet, DuplicateAllow or DuplicateReturn
	Patch             string // PatchMerge or PatchReplace
	PatchIDs          string // PatchIDsReplace or PatchIDsAdd
	Defaults          string // DefaultsAll or DefaultsSent
	DefaultActive     string // ActiveTrue or ActiveFalse
	MissingContactIDs string // MissingReject or MissingAccept
	UnknownMembers    string // UnknownReject or UnknownIgnore
	UnknownFields     string // FieldsKeep, FieldsDrop or FieldsReject
	WrongTypes        string // TypesReject, TypesKeep or TypesDrop
	Null              string // NullReject, NullClear, NullKeep or NullDrop
	EmptyText         string // EmptyKeep or EmptyDrop
	Filter            string // FilterPart, FilterWhole or FilterPattern
	FilterCase        string // CaseExact or CaseIgnore
	ContactIDsQuery   string // QueryMatch, QueryIgnore or QueryReject
	LimitAbove        string // LimitClamp or LimitReject
	DeleteTwice       string // TwiceReject or TwiceAccept
	RateHeaders       string // HeadersNone, HeadersRateLimit or HeadersXRateLimit, which need a Rate
	OpenAPI           string // OpenAPIServe or OpenAPINone
	DefaultMedia      string // MediaJSON or MediaHAL

	// AllowOrigins are the origins of pages that may ask the sandbox besides its own, such
	// as http://localhost:3000. By the host of each it may be asked for as well.
	AllowOrigins []string
	allowed      origin.Allowed

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
	DuplicateConflict        = "conflict"          // 409 where one of the ids is taken
	DuplicateConflictSameSet = "conflict-same-set" // 409 where another profile has the same ids and no other
	DuplicateAllow           = "allow"             // a second profile
	DuplicateReturn          = "return"            // the profile that is there

	PatchMerge   = "merge"   // field by field
	PatchReplace = "replace" // the whole of it

	PatchIDsReplace = "replace"
	PatchIDsAdd     = "add"

	DefaultsAll  = "all"  // each profile shows every default field
	DefaultsSent = "sent" // it shows what was sent

	ActiveTrue  = "true"
	ActiveFalse = "false"

	MissingReject = "reject"
	MissingAccept = "accept"

	UnknownReject = "reject"
	UnknownIgnore = "ignore"

	FieldsKeep   = store.Keep
	FieldsDrop   = store.Drop
	FieldsReject = store.Reject

	TypesReject = store.Reject
	TypesKeep   = store.Keep
	TypesDrop   = store.Drop

	NullReject = store.Reject
	NullClear  = store.Clear
	NullKeep   = store.Keep
	NullDrop   = store.Drop

	EmptyKeep = store.Keep
	EmptyDrop = store.Drop

	FilterPart    = "part"
	FilterWhole   = "whole"
	FilterPattern = "pattern"

	CaseExact  = "exact"
	CaseIgnore = "ignore"

	QueryMatch  = "match"
	QueryIgnore = "ignore"
	QueryReject = "reject"

	LimitClamp  = "clamp"
	LimitReject = "reject"

	TwiceReject = "reject"
	TwiceAccept = "accept"

	HeadersNone       = "none"
	HeadersRateLimit  = "ratelimit"
	HeadersXRateLimit = "x-ratelimit"

	OpenAPIServe = "serve"
	OpenAPINone  = "none"

	MediaJSON = "json"
	MediaHAL  = "hal"

	RetryAfterSeconds = "seconds"
	RetryAfterDate    = "date"
	RetryAfterNone    = "none"
)

// A Switch is an option with a few named values. The first is the default.
type Switch struct {
	Name   string // of the flag
	Value  *string
	Values []string
	Usage  string // what is decided
}

// Switches are the switches of these options.
func (o *Options) Switches() []Switch {
	return []Switch{
		{"on-duplicate", &o.OnDuplicate, []string{DuplicateConflict, DuplicateConflictSameSet, DuplicateAllow, DuplicateReturn}, "a contact id that is taken, in a create or an update"},
		{"patch", &o.Patch, []string{PatchMerge, PatchReplace}, "what an update does to the fields that it does not name"},
		{"patch-ids", &o.PatchIDs, []string{PatchIDsReplace, PatchIDsAdd}, "what an update does to the contact ids that it does not name"},
		{"defaults", &o.Defaults, []string{DefaultsAll, DefaultsSent}, "default fields that a profile shows"},
		{"default-active", &o.DefaultActive, []string{ActiveTrue, ActiveFalse}, "whether a profile is active where a create does not say"},
		{"missing-contact-ids", &o.MissingContactIDs, []string{MissingReject, MissingAccept}, "a create without contactIds"},
		{"unknown-members", &o.UnknownMembers, []string{UnknownReject, UnknownIgnore}, "members of a body that the API does not have"},
		{"unknown-fields", &o.UnknownFields, []string{FieldsKeep, FieldsDrop, FieldsReject}, "fields outside the schema"},
		{"wrong-types", &o.WrongTypes, []string{TypesReject, TypesKeep, TypesDrop}, "a value of another type than its field's"},
		{"null", &o.Null, []string{NullReject, NullClear, NullKeep, NullDrop}, "null as the value of a field"},
		{"empty-text", &o.EmptyText, []string{EmptyKeep, EmptyDrop}, "an empty text as the value of a field"},
		{"filter", &o.Filter, []string{FilterPart, FilterWhole, FilterPattern}, "what the filter of a list has to be of a contact id"},
		{"filter-case", &o.FilterCase, []string{CaseExact, CaseIgnore}, "upper and lower case in a filter"},
		{"contact-ids-query", &o.ContactIDsQuery, []string{QueryMatch, QueryIgnore, QueryReject}, "the parameter contactIds of a list"},
		{"limit-above", &o.LimitAbove, []string{LimitClamp, LimitReject}, "a list limit above 100"},
		{"delete-twice", &o.DeleteTwice, []string{TwiceReject, TwiceAccept}, "a delete of a profile that is not there"},
		{"rate-headers", &o.RateHeaders, []string{HeadersNone, HeadersRateLimit, HeadersXRateLimit}, "headers that tell of the quota, with --rate"},
		{"openapi", &o.OpenAPI, []string{OpenAPIServe, OpenAPINone}, "the OpenAPI document"},
		{"default-media", &o.DefaultMedia, []string{MediaJSON, MediaHAL}, "media type without Accept"},
		{"retry-after", &o.RetryAfter, []string{RetryAfterSeconds, RetryAfterDate, RetryAfterNone}, "header of a 429 or an injected 503"},
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
	for _, w := range o.Switches() {
		*w.Value = cmp.Or(*w.Value, w.Values[0])
		if _, err := words.Choice(*w.Value, w.Values...); err != nil {
			return o, fmt.Errorf("%s %w", w.Name, err)
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
	o.CreateStatus, o.UpdateStatus = cmp.Or(o.CreateStatus, 201), cmp.Or(o.UpdateStatus, 204)
	if o.CreateStatus != 200 && o.CreateStatus != 201 {
		return o, fmt.Errorf("create status %d: want 200 or 201", o.CreateStatus)
	}
	if o.UpdateStatus != 200 && o.UpdateStatus != 204 {
		return o, fmt.Errorf("update status %d: want 200 or 204", o.UpdateStatus)
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
	if o.RateHeaders != HeadersNone && o.Rate == (Rate{}) {
		return o, fmt.Errorf("rate headers %s: there is no rate that they could tell of", o.RateHeaders)
	}
	var err error
	if o.allowed, err = origin.Parse(o.AllowOrigins); err != nil {
		return o, err
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

// ParseTTL reads a life time as people write it, such as "720h" or "off", which is
// negative.
func ParseTTL(s string) (time.Duration, error) {
	if s == "off" {
		return -1, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q: want a time above 0 as in 720h, or off", s)
	}
	return d, nil
}
