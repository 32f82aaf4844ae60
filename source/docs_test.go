package source

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/source/mapping"
)

// The examples of the cookbook do what it says.
func TestCookbook(t *testing.T) {
	doc, err := os.ReadFile("../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```yaml\n(.*?)```\n```(csv|ndjson)\n(.*?)```\n```json\n(.*?)```\n")
	examples := block.FindAllStringSubmatch(string(doc), -1)
	if n := strings.Count(string(doc), "```yaml"); len(examples) != n || n < 15 {
		t.Errorf("%d of %d examples are complete", len(examples), n)
	}
	for _, e := range examples {
		m, err := mapping.Decode([]byte(e[1]))
		if err != nil {
			t.Errorf("%s\n%v", e[1], err)
			continue
		}
		in, err := Open(Options{Paths: []string{writeFile(t, "x."+e[2], e[3])}, Mapping: m})
		if err != nil {
			t.Errorf("%s\n%v", e[1], err)
			continue
		}
		var got []string
		for row, err := range in.Rows() {
			if err != nil {
				got = append(got, err.Error())
				continue
			}
			body := string(row.Profile.AppendCreateBody(nil, ""))
			got = append(got, strings.Replace(body, `"projectId":"",`, "", 1))
		}
		diff(t, got, strings.Split(strings.TrimSpace(e[4]), "\n"))
	}
}

// A mapping does not change what identifies a row from one run to the next.
func TestSameRowSameKey(t *testing.T) {
	m := mappingOf(t, "contact_ids: [{column: A, lower: true, type: email}, B]\nfields:\n  memories: {column: C, type: memory, timestamp: 2026-01-31T00:00:00Z}\n  x: {expr: 'upper(row[\"C\"])'}")
	var keys []contact.Key
	var digests []contact.Digest
	for _, content := range []string{"A,B,C\na@example.com,b,c\n", "C,x,A,B\n\nc,,A@EXAMPLE.com,b\n"} {
		in, err := Open(Options{Paths: []string{writeFile(t, "x.csv", content)}, Mapping: m})
		if err != nil {
			t.Fatal(err)
		}
		for row, err := range in.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			keys, digests = append(keys, row.Key), append(digests, row.Digest)
		}
	}
	if len(keys) != 2 || keys[0] != keys[1] || digests[0] != digests[1] {
		t.Errorf("keys %v, digests %v", keys, digests)
	}
}
