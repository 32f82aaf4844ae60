package cognigy

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"importer/importer/contact"
)

func TestLearned(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	const project = "65f0000000000000000000aa"
	if got, err := LoadLearned(folder, "https://a", project); err != nil || !reflect.DeepEqual(got, Learned{}) {
		t.Errorf("nothing was learned yet: %+v, %v", got, err)
	}
	want := Learned{
		Version: learnedVersion, BaseURL: "https://a", ProjectID: project, At: time.Now().UTC().Truncate(time.Second),
		Behaviour: contact.Behaviour{Patch: contact.PatchMerges, PatchIDs: contact.PatchReplaces, ReadLag: contact.Seconds(1500 * time.Millisecond)},
		Answers:   map[string]string{"patch": "merge", "limit": "refused"},
	}
	for range 2 { // over what was known before
		if err := want.Save(folder); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := LoadLearned(folder, "https://a", project); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
	for _, other := range []struct{ url, project string }{{"https://b", project}, {"https://a", "65f0000000000000000000ab"}} {
		if got, err := LoadLearned(folder, other.url, other.project); err != nil || got.Version != 0 {
			t.Errorf("%v: %+v, %v", other, got, err)
		}
	}
	path := learnedPath(folder, "https://a", project)
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"cut":               string(good[:len(good)/2]),
		"empty":             "",
		"a later version":   strings.Replace(string(good), `"version": 1`, `"version": 2`, 1),
		"another project's": strings.Replace(string(good), project, "65f0000000000000000000ab", 1),
		"an unknown kind":   strings.Replace(string(good), `"patch": "merge",`, `"patch": "mergs",`, 1),
		"too long":          strings.Repeat(" ", maxLearnedBytes) + string(good),
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := LoadLearned(folder, "https://a", project)
		if err == nil || !strings.Contains(err.Error(), path) || got.Version != 0 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestStateFolder(t *testing.T) {
	dir := t.TempDir()
	for xdg, want := range map[string]string{dir: filepath.Join(dir, "importer"), "relative": "", "": ""} {
		got, err := StateFolder(func(string) string { return xdg })
		if want == "" && err == nil && (!filepath.IsAbs(got) || strings.Contains(got, "relative")) || want != "" && got != want {
			t.Errorf("$XDG_STATE_HOME=%q: %q, %v", xdg, got, err)
		}
	}
}

func TestNearest(t *testing.T) {
	s := Schema{Types: map[string]string{"customer_tier": "string"}, Details: []SchemaField{{"Shoe size", "shoe_size", "number"}}}
	for wrong, want := range map[string]string{
		"firstName": "firstname", "first_name": "firstname", "fristname": "firstname", "customerTier": "customer_tier", "customer_teir": "customer_tier",
		"shoesize": "shoe_size", "acceptedGDPR": "accepted_gdpr", "x": "", "": "", "favourite_colour": "",
		strings.Repeat("a", 1000): "",
	} {
		if got := s.Nearest(wrong); got != want {
			t.Errorf("%q: %q, want %q", wrong, got, want)
		}
	}
	for name, want := range map[string]bool{"firstname": false, "firstName": false, "CUSTOMER_TIER": true, "Shoe_Size": true} {
		if _, ok := s.Lookup(name); ok != want {
			t.Errorf("%q is found: %t", name, ok)
		}
	}
	if _, ok := (Schema{Types: map[string]string{"firstname": "string"}}).Lookup("firstName"); ok {
		t.Error("firstName is taken for firstname")
	}
}
