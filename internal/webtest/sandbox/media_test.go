package sandbox_test

import (
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"mime"
	"strings"
	"testing"

	"importer/internal/sandbox"
)

// Every answer that has a body comes in every media type.
func TestMediaTypes(t *testing.T) {
	s := start(t, sandbox.Options{OnDuplicate: sandbox.DuplicateAllow})
	s.want(204, "PUT", "/schema/"+s.ProjectID(), `{"details":[{"field":"A < B","internal":"custom","type":"object"}]}`)
	profile := map[string]any{"firstname": `<Jane> & "Roe", =1`, "age": 41, "custom": map[string]any{"1 a": []any{nil, true, "<x>"}}}
	id := s.want(201, "POST", "", s.createBody([]string{"a", "b"}, profile)).id()
	s.create("c")
	merge := `{"contactId":"b","projectId":"` + s.ProjectID() + `"}`
	for _, media := range []string{"application/json", "application/hal+json", "application/xml", "text/xml", "text/csv"} {
		for _, tt := range []struct {
			status               int
			method, target, body string
		}{
			{200, "GET", "", ""},
			{200, "GET", "?filter=nobody", ""},
			{200, "GET", "?limit=1", ""},
			{201, "POST", "", s.createBody([]string{"c"}, profile)},
			{200, "GET", "/" + id, ""},
			{200, "POST", "/" + id + "/merge", merge},
			{200, "POST", "/" + id + "/data/export", ""},
			{200, "GET", "/schema/" + s.ProjectID(), ""},
			{404, "GET", "/" + strings.Repeat("0", 24), ""},
			{400, "POST", "", "{}"},
		} {
			r := s.want(tt.status, tt.method, tt.target, tt.body, "Accept", media)
			if got, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); got != media {
				t.Errorf("%s %s: %s, want %s", tt.method, tt.target, got, media)
			}
			switch {
			case strings.HasSuffix(media, "json"):
				r.json()
			case strings.HasSuffix(media, "xml"):
				if err := xml.Unmarshal(r.Body, new(struct{})); err != nil {
					t.Errorf("%s %s: %v in %s", tt.method, tt.target, err, r.Body)
				}
			default:
				if records, err := csv.NewReader(strings.NewReader(string(r.Body))).ReadAll(); err != nil || len(records) < 1 {
					t.Errorf("%s %s: %v in %s", tt.method, tt.target, err, r.Body)
				}
			}
		}
	}
}

func TestHAL(t *testing.T) {
	s := start(t, sandbox.Options{})
	var ids []string
	for _, c := range []string{"a", "b", "c"} {
		ids = append(ids, s.create(c))
	}
	list := s.want(200, "GET", "?limit=1&skip=1&api_key=sandbox", "", "Accept", "application/hal+json").json()
	links := list["_links"].(map[string]any)
	href := func(name string) string { return links[name].(map[string]any)["href"].(string) }
	if href("self") != "/new/v2.0/profiles?limit=1&skip=1" { // without the key
		t.Errorf("self %s", href("self"))
	}
	if href("next") != "/new/v2.0/profiles?limit=1&next="+ids[1] || href("previous") != "/new/v2.0/profiles?limit=1&previous="+ids[1] {
		t.Errorf("next %s, previous %s", href("next"), href("previous"))
	}
	item := list["_embedded"].(map[string]any)["profiles"].([]any)[0].(map[string]any)
	if item["_id"] != nil || fmt.Sprint(item["_links"]) != "map[self:map[href:/new/v2.0/profiles/"+ids[1]+"]]" ||
		fmt.Sprint(item["properties"].(map[string]any)["contactIds"]) != "[b]" {
		t.Errorf("item %v", item)
	}
	if next := s.want(200, "GET", href("next"), ""); fmt.Sprint(next.contacts()) != "[c]" {
		t.Errorf("the next page has %v", next.contacts())
	}
	created := s.want(201, "POST", "", s.createBody([]string{"d"}, nil), "Accept", "application/hal+json")
	if self := created.json()["_links"]; fmt.Sprint(self) != "map[self:map[href:/new/v2.0/profiles/"+created.id()+"]]" {
		t.Errorf("self of a created profile: %v", self)
	}
}

func TestXMLAndCSV(t *testing.T) {
	s := start(t, sandbox.Options{})
	id := s.want(201, "POST", "", s.createBody([]string{"a", "<b>"}, map[string]any{"firstname": `Ro"e, <J>`, "x-y": []any{"1"}})).id()
	var p struct {
		ID         string   `xml:"_id"`
		FirstName  string   `xml:"profile>firstname"`
		ContactIDs []string `xml:"contactIds>item"`
		Other      struct {
			Name string `xml:"name,attr"`
			Item string `xml:"item"`
		} `xml:"profile>member"`
	}
	r := s.want(200, "GET", "/"+id, "", "Accept", "application/xml")
	if err := xml.Unmarshal(r.Body, &p); err != nil {
		t.Fatal(err)
	}
	if p.ID != id || p.FirstName != `Ro"e, <J>` || fmt.Sprint(p.ContactIDs) != "[a <b>]" || p.Other.Name != "x-y" || p.Other.Item != "1" {
		t.Errorf("%+v of %s", p, r.Body)
	}
	r = s.want(200, "GET", "", "", "Accept", "text/csv")
	records, err := csv.NewReader(strings.NewReader(string(r.Body))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, column := range records[0] {
		got[column] = records[1][i]
	}
	if len(records) != 2 || got["_id"] != id || got["profile.firstname"] != `Ro"e, <J>` || got["active"] != "true" || got["projectId"] != s.ProjectID() {
		t.Errorf("%v", records)
	}
	var contactIDs []string
	if err := json.Unmarshal([]byte(got["contactIds"]), &contactIDs); err != nil || fmt.Sprint(contactIDs) != "[a <b>]" {
		t.Errorf("contactIds %s", got["contactIds"])
	}
}

func TestAccept(t *testing.T) {
	const jsonType, hal = "application/json", "application/hal+json"
	for _, mode := range []string{"", sandbox.MediaJSON, sandbox.MediaHAL} {
		s := start(t, sandbox.Options{DefaultMedia: mode})
		fallback := jsonType
		if mode == sandbox.MediaHAL {
			fallback = hal
		}
		for accept, want := range map[string]string{
			"":                                  fallback,
			"*/*":                               fallback,
			"text/html":                         fallback,
			"nonsense":                          fallback,
			"application/json":                  jsonType,
			"application/json, text/plain, */*": jsonType,
			"text/html, application/xml;q=0.9":  "application/xml",
			"text/csv;q=0.5, text/xml":          "text/xml",
			"application/hal+json":              hal,
			"TEXT/CSV":                          "text/csv",
		} {
			r := s.want(200, "GET", "", "", "Accept", accept)
			if got, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); got != want {
				t.Errorf("%s: Accept %q gets %s, want %s", mode, accept, got, want)
			}
		}
	}
}
