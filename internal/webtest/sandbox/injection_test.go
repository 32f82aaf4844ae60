package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"importer/internal/sandbox"
)

func faults(t *testing.T, specs ...string) (list []sandbox.Fault) {
	t.Helper()
	for _, spec := range specs {
		f, err := sandbox.ParseFault(spec)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, f)
	}
	return list
}

// What each fault does to a create: the answer, and whether it is stored.
func TestFaults(t *testing.T) {
	for spec, want := range map[string]struct{ status, code, profiles int }{
		"drop-before:1": {0, 0, 0},
		"drop-after:1":  {0, 0, 1},
		"500:1":         {500, 1008, 0},
		"500-after:1":   {500, 1008, 1},
		"503-after:1":   {503, 503, 1},
		"400:1":         {400, 400, 0},
		"1000:1":        {400, 1000, 0},
		"1005:1":        {400, 1005, 0},
		"401:1":         {401, 401, 0},
		"402:1":         {402, 402, 0},
		"403:1":         {403, 403, 0},
		"404:1":         {404, 1002, 0},
		"405:1":         {405, 1013, 0},
		"409:1":         {409, 1004, 0},
		"413:1":         {413, 413, 0},
		"429:1":         {429, 429, 0},
		"1001:1":        {500, 1001, 0},
		"1003:1":        {500, 1003, 0},
		"1006:1":        {500, 1006, 0},
		"1007:1":        {500, 1007, 0},
		"1010:1":        {500, 1010, 0},
		"1011:1":        {500, 1011, 0},
		"1012:1":        {500, 1012, 0},
		"2001:1":        {500, 2001, 0},
		"3000:1":        {500, 3000, 0},
		"501:1":         {501, 1009, 0},
		"502:1":         {502, 502, 0},
		"1999:1":        {502, 1999, 0},
		"2000:1":        {502, 2000, 0},
		"503:1":         {503, 503, 0},
		"504:1":         {504, 504, 0},
		"8001:1":        {504, 8001, 0},
	} {
		t.Run(spec, func(t *testing.T) {
			s := start(t, sandbox.Options{Faults: faults(t, spec)})
			body := s.createBody([]string{"a"}, nil)
			if want.status == 0 {
				if r, err := s.try("POST", "", body); err == nil {
					t.Errorf("answered %d %s", r.Status, r.Body)
				}
			} else {
				r := s.wantProblem(want.status, want.code, "POST", "", body)
				if after := r.Header.Get("Retry-After"); (after != "") != (spec == "429:1" || spec == "503:1") {
					t.Errorf("Retry-After %q", after)
				}
			}
			profiles := s.Profiles()
			if len(profiles) != want.profiles {
				t.Fatalf("%d profiles, want %d", len(profiles), want.profiles)
			}
			all := s.Injections()
			if len(all) != 1 {
				t.Fatalf("injections %+v", all)
			}
			i := all[0]
			name, _, _ := strings.Cut(spec, ":")
			if i.Fault != name || i.Operation != "create" || i.Method != "POST" || i.Path != "/v2.0/profiles" || i.Processed != (want.profiles == 1) {
				t.Errorf("injection %+v", i)
			}
			if i.Processed && (i.Status != 201 || i.ProfileID != profiles[0].ID || !slices.Equal(i.ContactIDs, []string{"a"})) {
				t.Errorf("the lost answer is %+v, of the profile %s", i, profiles[0].ID)
			}
			if c := s.Counts(); c.Faults[i.Fault] != 1 || (c.Throttled == 1) != (want.status == 429) {
				t.Errorf("counts %+v", c)
			}
		})
	}
}

// An attempt is a request, and the status that it has without a fault.
type attempt struct {
	operation, method, target, body string
	status                          int
}

// everyOperation is one request of each operation. one has the contact ids a, b
// and c.
func everyOperation(s *tenant, one, other string) []attempt {
	s.t.Helper()
	all := []attempt{
		{"create", "POST", "", s.createBody([]string{"e"}, nil), 201},
		{"list", "GET", "", "", 200},
		{"get", "GET", "/" + one, "", 200},
		{"update", "PATCH", "/" + one, `{"active":false}`, 204},
		{"removeContactId", "POST", "/" + one + "/contactids/remove", `{"contactId":"c"}`, 204},
		{"unmerge", "POST", "/" + one + "/unmerge", `{"contactId":"b"}`, 204},
		{"merge", "POST", "/" + one + "/merge", `{"contactId":"e","projectId":"` + s.ProjectID() + `"}`, 200},
		{"exportData", "POST", "/" + one + "/data/export", "", 200},
		{"deleteData", "POST", "/" + one + "/data/remove", "", 204},
		{"getSchema", "GET", "/schema/" + s.ProjectID(), "", 200},
		{"setSchema", "PUT", "/schema/" + s.ProjectID(), `{"details":[{"field":"Tier","internal":"tier","type":"string"}]}`, 204},
		{"delete", "DELETE", "/" + other, "", 204},
	}
	if len(all) != len(sandbox.Operations()) {
		s.t.Fatalf("%d operations of %d", len(all), len(sandbox.Operations()))
	}
	return all
}

// Something on the way answers every operation with a page of its own. What was
// not processed leaves no trace, and of what was processed everything is stored.
func TestFaultsOnTheWay(t *testing.T) {
	for spec, want := range map[string]struct {
		status    int
		processed bool
	}{
		"page:1":           {200, false},
		"gateway404:1":     {404, false},
		"waf403:1":         {403, false},
		"maintenance503:1": {503, true},
	} {
		t.Run(spec, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "sandbox.db")
			s := start(t, sandbox.Options{DataFile: file})
			one, other := s.create("a", "b", "c"), s.create("d")
			before := s.Profiles()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = start(t, sandbox.Options{DataFile: file, Faults: faults(t, spec)})
			s.router = nil // pages are not in the OpenAPI document
			name, _, _ := strings.Cut(spec, ":")
			for n, q := range everyOperation(s, one, other) {
				r := s.want(want.status, q.method, q.target, q.body)
				if r.Header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(string(r.Body), "</html>") {
					t.Errorf("%s: %q %s, want a page in HTML", q.operation, r.Header.Get("Content-Type"), r.Body)
				}
				if after := r.Header.Get("Retry-After"); (after == "1") != (want.status == 503) || after != "" && after != "1" {
					t.Errorf("%s: Retry-After %q", q.operation, after)
				}
				lost := 0
				if want.processed {
					lost = q.status
				}
				all := s.Injections()
				if len(all) != n+1 {
					t.Fatalf("%s: %d injections, want %d", q.operation, len(all), n+1)
				}
				if i := all[n]; i.Fault != name || i.Operation != q.operation || i.Processed != want.processed || i.Status != lost {
					t.Errorf("injection %+v, want the operation %s and the lost status %d", i, q.operation, lost)
				}
			}
			for _, q := range s.Requests() {
				if q.Fault != name || q.Status != want.status {
					t.Errorf("request %+v", q)
				}
			}
			after := s.Profiles()
			if !want.processed {
				if !reflect.DeepEqual(after, before) {
					t.Errorf("the profiles were %+v, and are %+v", before, after)
				}
				return
			}
			if len(after) != 2 || !slices.Equal(after[0].ContactIDs, []string{"a", "e"}) || !strings.Contains(string(after[0].Body), `"active":false`) ||
				!slices.Equal(after[1].ContactIDs, []string{"b"}) {
				t.Errorf("the profiles are %+v", after)
			}
		})
	}
}

// A list of several pages ends before its own total, and one page is whole.
func TestShortList(t *testing.T) {
	s := start(t, sandbox.Options{Faults: faults(t, "short-list")})
	var all []string
	for i := range 7 {
		all = append(all, fmt.Sprint("c", i))
		s.create(all[i])
	}
	for _, tt := range []struct {
		query       string
		total, seen int // items of all pages until one says that none follows
		pages       int
	}{
		{"limit=7", 7, 7, 1},
		{"limit=100&filter=c", 7, 7, 1},
		{"limit=1&filter=c3", 1, 1, 1},
		{"limit=6", 7, 6, 2},
		{"limit=4", 7, 6, 2},
		{"limit=2", 7, 3, 2},
		{"limit=1", 7, 1, 2},
		{"limit=2&sort=contactIds:asc", 7, 3, 2},
		{"limit=2&skip=2", 7, 1, 1}, // behind the first already
		{"filter=nobody", 0, 0, 1},
	} {
		before := len(s.Injections())
		var seen []string
		pages := 0
		for cursor := any(""); cursor != nil; pages++ {
			query := tt.query
			if cursor != "" {
				query += fmt.Sprint("&next=", cursor)
			}
			r := s.want(200, "GET", "?"+query, "")
			if total := r.json()["total"]; total != float64(tt.total) {
				t.Errorf("%s: the total is %v, want %d", tt.query, total, tt.total)
			}
			seen = append(seen, r.contacts()...)
			cursor = r.json()["nextCursor"]
		}
		if len(seen) != tt.seen || pages != tt.pages {
			t.Errorf("%s: %v on %d pages, want %d items on %d", tt.query, seen, pages, tt.seen, tt.pages)
		}
		short := s.Injections()[before:]
		if (len(short) == 1) != (tt.seen < tt.total) || len(short) > 1 {
			t.Errorf("%s: injections %+v", tt.query, short)
		}
		for _, i := range short {
			if i.Fault != "short-list" || i.Operation != "list" || !i.Processed || i.Status != 200 {
				t.Errorf("%s: injection %+v", tt.query, i)
			}
		}
	}
	if r := s.want(200, "GET", "?limit=2&skip=2", "", "Accept", "application/hal+json").json(); r["total"] != 7.0 || r["_links"].(map[string]any)["next"] != nil ||
		len(r["_embedded"].(map[string]any)["profiles"].([]any)) != 1 {
		t.Errorf("in HAL: %v", r)
	}
}

// Of ten gets one shows another profile, and nothing else does. The same seed
// mixes the same gets.
func TestMixedCache(t *testing.T) {
	const profiles, gets = 20, 10
	mixed := func(seed uint64) (asked []string) {
		s := start(t, sandbox.Options{Seed: seed, Clock: newClock().Now, Faults: faults(t, "mixed-cache")})
		ids := []string{s.create("c00")}
		for range 50 {
			if got := s.want(200, "GET", "/"+ids[0], "").id(); got != ids[0] {
				t.Fatalf("%s is shown in place of the only profile", got)
			}
		}
		for i := 1; i < profiles; i++ {
			ids = append(ids, s.create(fmt.Sprintf("c%02d", i)))
		}
		for range gets {
			for i, id := range ids {
				switch got := s.want(200, "GET", "/"+id, "").id(); {
				case got == id:
				case slices.Contains(ids, got):
					asked = append(asked, fmt.Sprintf("c%02d", i))
				default:
					t.Errorf("%s is no profile", got)
				}
			}
		}
		for _, id := range ids {
			if got := s.want(200, "POST", "/"+id+"/data/export", "").id(); got != id {
				t.Errorf("%s is exported in place of %s", got, id)
			}
			s.want(204, "PATCH", "/"+id, `{"active":true}`)
		}
		if got := s.want(200, "GET", "?limit=100", "").contacts(); len(got) != profiles {
			t.Errorf("the list shows %v", got)
		}
		s.wantProblem(404, 1002, "GET", "/65f0000000000000000000ff", "")
		var injected []string
		for _, i := range s.Injections() {
			if i.Fault != "mixed-cache" || i.Operation != "get" || !i.Processed || i.Status != 200 || !strings.HasSuffix(i.Path, i.ProfileID) {
				t.Errorf("injection %+v", i)
			}
			injected = append(injected, i.ContactIDs[0])
		}
		if !slices.Equal(injected, asked) {
			t.Errorf("another profile was shown of %v, and injected of %v", asked, injected)
		}
		if n := len(asked); n < profiles*gets/20 || n > profiles*gets/5 {
			t.Errorf("%d of %d gets show another profile, want about one of ten", n, profiles*gets)
		}
		return asked
	}
	first, again, other := mixed(1), mixed(1), mixed(2)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Errorf("one seed mixes %v and then %v, another seed %v", first, again, other)
	}
}

// Requests with a wrong key or to nowhere are not worth a fault.
func TestFaultsSpareRefusedRequests(t *testing.T) {
	s := start(t, sandbox.Options{Faults: faults(t, "drop-before:1")})
	s.wantProblem(401, 401, "GET", "", "", "X-API-Key", "")
	s.wantProblem(404, 1002, "GET", "/a/b/c/d", "")
	if n := len(s.Injections()); n != 0 {
		t.Errorf("%d injections", n)
	}
}

// naiveImport creates profiles with several workers, and sends again whatever
// was not answered, as an importer without care would do it. It returns how
// often each contact was sent.
func naiveImport(s *tenant, rows, workers int) map[string]int {
	var mu sync.Mutex
	sent := make(map[string]int)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < rows; i += workers {
				contact := fmt.Sprintf("contact-%d@example.com", i)
				for done := false; !done; {
					r, err := s.try("POST", "", s.createBody([]string{contact}, nil))
					mu.Lock()
					sent[contact]++
					mu.Unlock()
					done = err == nil && r.Status == 201
				}
			}
		})
	}
	wg.Wait()
	return sent
}

// Of 1,000 rows none is missing, those whose answer was lost are there twice,
// and the injections and the log say which.
func TestDropAfterOfAThousandRows(t *testing.T) {
	var logged bytesBuffer
	s := start(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow, Seed: 1, Faults: faults(t, "drop-after:0.05"), Log: zerolog.New(&logged)})
	sent := naiveImport(s, 1000, 8)
	byContact := make(map[string]int)
	ids := make(map[string]bool)
	for _, p := range s.Profiles() {
		byContact[p.ContactIDs[0]]++
		ids[p.ID] = true
	}
	if len(byContact) != 1000 {
		t.Errorf("%d contacts, want 1000", len(byContact))
	}
	lost := make(map[string]int)
	for _, i := range s.Injections() {
		if i.Fault != "drop-after" || !i.Processed || i.Status != 201 || !ids[i.ProfileID] {
			t.Errorf("injection %+v", i)
		}
		lost[i.ContactIDs[0]]++
	}
	if n := len(s.Injections()); n < 25 || n > 100 {
		t.Errorf("%d answers lost of about 1050, want about 50", n)
	}
	for contact, n := range byContact {
		if n != 1+lost[contact] || n != sent[contact] {
			t.Errorf("%s: %d profiles, %d answers lost, sent %d times", contact, n, lost[contact], sent[contact])
		}
	}
	var named int
	for line := range strings.Lines(logged.String()) {
		var e struct {
			Fault, Operation string
			ProfileID        string `json:"profile_id"`
			LostStatus       int    `json:"lost_status"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e.Fault == "drop-after" && e.Operation == "create" && e.LostStatus == 201 && ids[e.ProfileID] {
			named++
		}
		if strings.Contains(line, "@example.com") || strings.Contains(line, s.APIKey()+`"`) {
			t.Errorf("the log tells a contact or the key: %s", line)
		}
	}
	if named != len(s.Injections()) {
		t.Errorf("the log names %d lost answers of %d", named, len(s.Injections()))
	}
}

// The same seed loses the same answers, whatever the order in which the requests
// arrive.
func TestFaultsRepeat(t *testing.T) {
	run := func(seed uint64, workers int) map[string]int {
		s := start(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow, Seed: seed, Faults: faults(t, "drop-before:0.03", "drop-after:0.03", "500-after:0.03", "503:0.03")})
		naiveImport(s, 150, workers)
		befell := make(map[string]int)
		for _, i := range s.Injections() {
			befell[i.Fault+" "+strings.Join(i.ContactIDs, " ")]++
		}
		return befell
	}
	a, b, other := fmt.Sprint(run(7, 1)), fmt.Sprint(run(7, 16)), fmt.Sprint(run(8, 1))
	if a != b {
		t.Errorf("the same seed: %s\nand with more workers: %s", a, b)
	}
	if a == other {
		t.Error("another seed loses the same answers")
	}
}

// A lost answer of any operation leaves its work done.
func TestDropAfterOfOtherOperations(t *testing.T) {
	s := start(t, sandbox.Options{Faults: faults(t, "drop-after:0.5"), Seed: 3})
	var id string
	for range 100 { // until one is answered or refused: both mean it is there
		if r, err := s.try("POST", "", s.createBody([]string{"a", "b"}, nil)); err == nil && (r.Status == http.StatusCreated || r.Status == http.StatusConflict) {
			id = s.Profiles()[0].ID
			break
		}
	}
	if id == "" {
		t.Fatal("no create was answered")
	}
	for _, tt := range []struct{ operation, method, target, body string }{
		{"update", "PATCH", "/" + id, `{"active":false}`},
		{"removeContactId", "POST", "/" + id + "/contactids/remove", `{"contactId":"b"}`},
		{"delete", "DELETE", "/" + id, ""},
	} {
		before := len(s.Injections())
		for range 100 {
			s.try(tt.method, tt.target, tt.body)
			if all := s.Injections(); len(all) > before && all[len(all)-1].Operation == tt.operation && all[len(all)-1].Processed {
				break
			}
		}
		if len(s.Injections()) == before {
			t.Errorf("%s: no answer was lost in 100", tt.operation)
		}
	}
	if n := len(s.Profiles()); n != 0 {
		t.Errorf("%d profiles after all", n)
	}
}

// A bytesBuffer may be written by several goroutines.
type bytesBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *bytesBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *bytesBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
