package cognigy

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"importer/importer/contact"
)

// What a list says is kept: what cannot be an id, a cursor, a time or a number of
// profiles is not taken for one.
func TestListIsBounded(t *testing.T) {
	const item = `"contactIds":["a"],"profile":{}`
	for name, body := range map[string]string{
		"an _id of 3 MB":        `{"items":[{"_id":"` + strings.Repeat("a", 3<<20) + `",` + item + `}]}`,
		"an _id of a formula":   `{"items":[{"_id":"=1+1aaaaaaaaaaaaaaaaaaaa",` + item + `}]}`,
		"an _id with an escape": `{"items":[{"_id":"\u001b[31maaaaaaaaaaaaaaaaaaa",` + item + `}]}`,
		"items without end":     `{"items":[` + strings.Repeat(`{},`, 1<<20) + `{}]}`,
		"a cursor without end":  `{"items":[],"nextCursor":"` + strings.Repeat("a", 3<<20) + `"}`,
	} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, body) })
		_, err := c.List(context.Background(), contact.ListQuery{})
		problem, ok := errors.AsType[*contact.APIError](err)
		if !ok || problem.Author == contact.API || len(err.Error()) > 1000 || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %.2000v", name, err)
		}
	}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"items":[{"_id":"65f000000000000000000001","lastChanged":9223372036854775807,`+item+`}],"total":9223372036854775807}`)
	})
	page, err := c.List(context.Background(), contact.ListQuery{})
	if err != nil || page.Total != -1 || !page.Profiles[0].LastChanged.IsZero() {
		t.Errorf("%+v, %v", page, err)
	}
}
