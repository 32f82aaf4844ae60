package cognigy

import (
	"context"
	"importer/importer/contact"
	"io"
	"net/http"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	tests := []struct {
		name   string
		header map[string]string
		want   RateInfo
	}{
		{"none", nil, RateInfo{}},
		{"draft, three fields", map[string]string{"RateLimit-Limit": "1000, 1000;w=300", "RateLimit-Remaining": "17", "RateLimit-Reset": "42"},
			RateInfo{true, 1000, 17, 42 * time.Second}},
		{"X-, Unix time", map[string]string{"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000042"},
			RateInfo{true, 1000, 0, 42 * time.Second}},
		{"X-, Unix time in milliseconds", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000042500"},
			RateInfo{true, 0, 0, 42500 * time.Millisecond}},
		{"Unix time against the server's clock", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800000042",
			"Date": time.Unix(1_800_000_040, 0).UTC().Format(http.TimeFormat)}, RateInfo{true, 0, 0, 2 * time.Second}},
		{"Unix time in the past", map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000000"}, RateInfo{true, 0, 0, 0}},
		{"one field", map[string]string{"RateLimit": "limit=100, remaining=0, reset=7"}, RateInfo{true, 100, 0, 7 * time.Second}},
		{"one field, later draft", map[string]string{"RateLimit": `"default";r=5;t=7`}, RateInfo{true, 0, 5, 7 * time.Second}},
		{"garbage", map[string]string{"RateLimit-Limit": "many", "RateLimit-Remaining": "few", "RateLimit-Reset": "soon"}, RateInfo{}},
		{"garbage beside a number", map[string]string{"RateLimit-Limit": "-1", "RateLimit-Remaining": "3", "RateLimit-Reset": "NaN"}, RateInfo{true, 0, 3, 0}},
		{"negative", map[string]string{"RateLimit-Remaining": "-1", "RateLimit-Reset": "-1"}, RateInfo{}},
		{"huge", map[string]string{"RateLimit-Remaining": "0", "RateLimit-Reset": "1e300"}, RateInfo{true, 0, 0, 0}},
	}
	for _, tt := range tests {
		h := http.Header{}
		for name, value := range tt.header {
			h.Set(name, value)
		}
		if got := parseRate(h, h.Get("Date"), now); got != tt.want {
			t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// Without a Retry-After the end of the window says how long to wait.
func TestThrottledUntilReset(t *testing.T) {
	for want, header := range map[time.Duration]map[string]string{
		7 * time.Second: {"RateLimit-Remaining": "0", "RateLimit-Reset": "7"},
		3 * time.Second: {"RateLimit-Remaining": "0", "RateLimit-Reset": "7", "Retry-After": "3"},
		0:               {"RateLimit-Remaining": "5", "RateLimit-Reset": "7"},
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			for name, value := range header {
				w.Header().Set(name, value)
			}
			w.WriteHeader(429)
		})
		_, err := c.Create(context.Background(), ada)
		if e := apiError(t, err, contact.Throttled); e.RetryAfter != want {
			t.Errorf("%v: retry after %v, want %v", header, e.RetryAfter, want)
		}
	}
}

func TestOnAnswer(t *testing.T) {
	status := 201
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("X-RateLimit-Remaining", "17")
		w.WriteHeader(status)
	})
	var got []Answer
	c, err := New(Options{BaseURL: "http://" + s.profiles.Host, APIKey: testKey, ProjectID: testProject, OnAnswer: func(a Answer) {
		if a.Duration <= 0 || a.Duration > time.Minute {
			t.Errorf("duration %v", a.Duration)
		}
		a.Duration = 0
		got = append(got, a)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	c.Create(ctx, ada)
	status = 500
	c.Delete(ctx, profileID)
	c.Delete(ctx, "no id") // not sent
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	c.GetSchema(cancelled)
	rate := RateInfo{Known: true, Remaining: 17}
	want := []Answer{{Operation: "create", Status: 201, Rate: rate}, {Operation: "delete", Status: 500, Rate: rate}, {Operation: "get_schema"}}
	if len(got) != len(want) {
		t.Fatalf("got %+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %+v, want %+v", got[i], want[i])
		}
	}
}
