package sandbox_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"importer/internal/sandbox"
)

func BenchmarkCreate(b *testing.B) {
	for _, data := range []string{"", "data.db"} {
		name := "in memory"
		if data != "" {
			name, data = "with a data file", filepath.Join(b.TempDir(), data)
		}
		b.Run(name, func(b *testing.B) {
			s, err := sandbox.Listen("127.0.0.1:0", sandbox.Options{DataFile: data, OnDuplicate: sandbox.DuplicateAllow})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
			var n atomic.Int64
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					body := fmt.Sprintf(`{"projectId":%q,"contactIds":["contact-%d@example.com"],"active":true,"profile":{"firstname":"Jane","lastname":"Roe","email":"contact@example.com","age":41}}`, s.ProjectID(), n.Add(1))
					r, _ := http.NewRequest("POST", s.URL+"/new/v2.0/profiles", strings.NewReader(body))
					r.Header.Set("Content-Type", "application/json")
					r.Header.Set("X-API-Key", s.APIKey())
					resp, err := client.Do(r)
					if err != nil {
						b.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if resp.StatusCode != 201 {
						b.Error(resp.Status)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "creates/s")
		})
	}
}

// BenchmarkList is how long a list takes among 100,000 profiles, without HTTP.
func BenchmarkList(b *testing.B) {
	s, err := sandbox.New(sandbox.Options{})
	if err != nil {
		b.Fatal(err)
	}
	serve := func(b *testing.B, method, target, body string, want int) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/new/v2.0/profiles"+target, strings.NewReader(body))
		r.Header.Set("X-API-Key", s.APIKey())
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != want {
			b.Fatal(w.Code, w.Body)
		}
		return w
	}
	for i := range 100_000 {
		serve(b, "POST", "", fmt.Sprintf(`{"projectId":%q,"contactIds":["contact-%d@example.com","+49 30 %d"],"profile":{"firstname":"Jane"}}`, s.ProjectID(), i, i), 201)
	}
	middle := s.Profiles()[50_000].ID
	for _, query := range []string{"filter=contact-5000@example.com", "contactIds=contact-5000@example.com", "limit=100", "limit=100&next=" + middle,
		"limit=100&sort=lastChanged:desc"} {
		b.Run(strings.Replace(query, middle, "ID", 1), func(b *testing.B) {
			for b.Loop() {
				serve(b, "GET", "?"+query, "", 200)
			}
		})
	}
}
