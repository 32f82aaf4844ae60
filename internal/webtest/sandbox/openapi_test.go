package sandbox_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"testing"

	"importer/internal/sandbox"
)

// The document is what a tenant serves at that address, for those with the key.
func TestOpenAPIDocumentIsServed(t *testing.T) {
	s := start(t, sandbox.Options{})
	get := func(key string) (int, []byte) {
		r, _ := http.NewRequest("GET", s.URL+"/openapi/openapi-viewer.json", nil)
		r.Header.Set("X-API-Key", key)
		resp, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		data, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, data
	}
	file, err := os.ReadFile("../../sandbox/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if status, data := get(s.APIKey()); status != 200 || !bytes.Equal(data, file) {
		t.Errorf("with the key: %d, %d bytes", status, len(data))
	}
	serves := s
	s = start(t, sandbox.Options{OpenAPI: sandbox.OpenAPINone})
	if status, data := get(s.APIKey()); status != 404 || bytes.Contains(data, []byte("paths")) {
		t.Errorf("told not to serve it: %d %s", status, data)
	}
	s = serves
	if status, data := get("wrong"); status != 401 || bytes.Contains(data, []byte("openapi\"")) {
		t.Errorf("with a wrong key: %d %s", status, data)
	}
}

func TestOpenAPIDocumentHasEveryOperation(t *testing.T) {
	doc := document(t).doc
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %s, want 3.1.0", doc.OpenAPI)
	}
	var names []string
	for _, path := range doc.Paths.Map() {
		for _, o := range path.Operations() {
			names = append(names, o.OperationID)
			for status, r := range o.Responses.Map() {
				if media := slices.Sorted(maps.Keys(r.Value.Content)); status != "204" && len(media) != 5 {
					t.Errorf("%s %s: media types %v, want all five", o.OperationID, status, media)
				}
			}
		}
	}
	want := sandbox.Operations()
	slices.Sort(names)
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("operations %v, want %v", names, want)
	}
	if len(want) != 12 {
		t.Errorf("%d operations, want 12", len(want))
	}
}
