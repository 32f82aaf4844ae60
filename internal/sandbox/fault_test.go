package sandbox

import (
	"testing"
	"time"
)

func TestParseFault(t *testing.T) {
	for _, tt := range []struct {
		spec string
		want Fault
	}{
		{"drop-before:0.01", Fault{Kind: FaultDropBefore, Probability: 0.01}},
		{"drop-after:1", Fault{Kind: FaultDropAfter, Probability: 1}},
		{"500:0.5", Fault{Kind: FaultStatus, Code: 1008, Probability: 0.5}},
		{"429:0.5", Fault{Kind: FaultStatus, Code: 429, Probability: 0.5}},
		{"500-after:0.25", Fault{Kind: FaultStatusAfter, Code: 1008, Probability: 0.25}},
		{"8001:0.25", Fault{Kind: FaultStatus, Code: 8001, Probability: 0.25}},
		{"503-after:0.25", Fault{Kind: FaultStatusAfter, Code: 503, Probability: 0.25}},
		{"page:0.01", Fault{Kind: FaultPage, Probability: 0.01}},
		{"gateway404:1", Fault{Kind: FaultGateway404, Probability: 1}},
		{"waf403:0.5", Fault{Kind: FaultWAF403, Probability: 0.5}},
		{"maintenance503:0.5", Fault{Kind: FaultMaintenance503, Probability: 0.5}},
		{"short-list", Fault{Kind: FaultShortList}},
		{"mixed-cache", Fault{Kind: FaultMixedCache}},
		{"read-lag:5s", Fault{Kind: FaultReadLag, Lag: 5 * time.Second}},
		{"list-lag:5s", Fault{Kind: FaultListLag, Lag: 5 * time.Second}},
		{"get-lag:1m0s", Fault{Kind: FaultGetLag, Lag: time.Minute}},
		{"write:0.05", Fault{Kind: FaultWrite, Probability: 0.05}},
		{"write-after-get:1", Fault{Kind: FaultWriteAfterGet, Probability: 1}},
	} {
		got, err := ParseFault(tt.spec)
		if err != nil || got != tt.want {
			t.Errorf("ParseFault(%q) = %+v, %v, want %+v", tt.spec, got, err, tt.want)
		}
		if got.String() != tt.spec {
			t.Errorf("ParseFault(%q).String() = %q", tt.spec, got)
		}
	}
	for _, spec := range []string{"", "500", "500:", "500:0", "500:1.1", "500:NaN", "500:-1", "200:0.1", "418:0.1", "drop:0.1",
		"read-lag:0s", "read-lag:5", "read-lag:-1s", "drop-after-after:0.1", ":0.1",
		"page", "page:0", "gateway:0.1", "waf403-after:0.1", "maintenance503:2", "short-list:", "short-list:0.1", "mixed-cache:0.1",
		"list-lag", "get-lag:0", "write", "write:0", "write:1.5", "write-after:0.1", "writes:0.1"} {
		if f, err := ParseFault(spec); err == nil {
			t.Errorf("ParseFault(%q) = %+v, want an error", spec, f)
		}
	}
}
