package sandbox

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/elnormous/contenttype"
	"github.com/go-json-experiment/json/jsontext"
)

// A document is an answer on its way into a media type.
type document struct {
	path  string // of the request, for links
	query url.Values
	answer
}

// A media is one of the media types of the API.
type media struct {
	name        string
	contentType string
	encode      func(document) []byte
}

var medias = []media{
	{"application/json", "application/json", encodeJSON},
	{"application/hal+json", "application/hal+json", encodeHAL},
	{"application/xml", "application/xml; charset=utf-8", encodeXML},
	{"text/xml", "text/xml; charset=utf-8", encodeXML},
	{"text/csv", "text/csv; charset=utf-8", encodeCSV},
}

var mediaTypes = func() (list []contenttype.MediaType) {
	for _, m := range medias {
		list = append(list, contenttype.NewMediaType(m.name))
	}
	return list
}()

// mediaType is what a client prefers. Where it prefers nothing that there is, it
// gets the default.
func (s *Sandbox) mediaType(r *http.Request) media {
	accept := r.Header.Values("Accept")
	if len(accept) == 1 && accept[0] == "application/json" {
		return medias[0]
	}
	fallback := medias[0]
	if s.options.DefaultMedia == MediaHAL {
		fallback = medias[1]
	}
	all := strings.Join(accept, ",")
	if all == "" || strings.HasPrefix(all, "*/*") {
		return fallback
	}
	best, _, err := contenttype.GetAcceptableMediaTypeFromHeader(all, mediaTypes)
	if err != nil {
		return fallback
	}
	i := slices.IndexFunc(medias, func(m media) bool { return m.name == best.MIME() })
	return medias[max(i, 0)]
}

func encodeJSON(d document) []byte {
	if d.list != nil {
		return d.list.object().appendJSON(nil)
	}
	return d.entity.appendJSON(nil)
}

// encodeHAL writes application/hal+json. An entity keeps its members at the top;
// the items of a list have their members under "properties", and their ids in
// "_links.self.href" only, as third parties saw it on the API.
func encodeHAL(d document) []byte {
	if d.problem != nil {
		return d.entity.appendJSON(nil)
	}
	if d.list == nil {
		self := d.path
		if id, ok := parseString(d.entity.get("_id")); ok && !strings.Contains(self, id) {
			self += "/" + id // a create
		}
		return append(object{{"_links", object{{"self", link(self)}}.value()}}, d.entity...).appendJSON(nil)
	}
	links := object{{"self", link(d.page("", ""))}}
	if d.list.next != "" {
		links = append(links, member{"next", link(d.page("next", d.list.next))})
	}
	if d.list.previous != "" {
		links = append(links, member{"previous", link(d.page("previous", d.list.previous))})
	}
	items := make([]object, len(d.list.items))
	for i, item := range d.list.items {
		id, _ := parseString(item[0].value)
		items[i] = object{
			{"_links", object{{"self", link(d.path + "/" + id)}}.value()},
			{"properties", item[1:].value()},
		}
	}
	return object{
		{"_links", links.value()},
		{"_embedded", object{{"profiles", objectsValue(items)}}.value()},
		{"total", intValue(int64(d.list.total))},
	}.appendJSON(nil)
}

func link(href string) jsontext.Value { return object{{"href", stringValue(href)}}.value() }

// page is the address of this list, or of the page at a cursor. The key is left
// out of it.
func (d document) page(parameter, cursor string) string {
	query := make(url.Values)
	for name, values := range d.query {
		if name != "api_key" {
			query[name] = values
		}
	}
	if parameter != "" {
		for _, name := range []string{"next", "previous", "skip"} {
			query.Del(name)
		}
		query.Set(parameter, cursor)
	}
	if len(query) == 0 {
		return d.path
	}
	return d.path + "?" + query.Encode()
}

// encodeXML writes XML, whose shape the API does not document: each member is an
// element of its name, each item of an array an element "item". A member whose
// name is none for an element is an element "member" with an attribute "name".
func encodeXML(d document) []byte {
	root, o := "profile", d.entity
	switch {
	case d.list != nil:
		root, o = "profiles", d.list.object()
	case d.problem != nil:
		root = "problem"
	case d.entity.get("details") != nil:
		root = "schema"
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	appendXML(&b, root, o.value())
	return b.Bytes()
}

var xmlName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func appendXML(b *bytes.Buffer, name string, v jsontext.Value) {
	if xmlName.MatchString(name) && !strings.HasPrefix(strings.ToLower(name), "xml") {
		b.WriteString("<" + name + ">")
	} else {
		b.WriteString(`<member name="`)
		xml.EscapeText(b, []byte(name))
		b.WriteString(`">`)
		name = "member"
	}
	switch v.Kind() {
	case '{':
		o, _ := parseObject(v)
		for _, m := range o {
			appendXML(b, m.name, m.value)
		}
	case '[':
		items, _ := parseArray(v)
		for _, item := range items {
			appendXML(b, "item", item)
		}
	case '"':
		text, _ := parseString(v)
		xml.EscapeText(b, []byte(text))
	case 'n': // null is an empty element
	default:
		b.Write(v)
	}
	b.WriteString("</" + name + ">")
}

// encodeCSV writes CSV, whose shape the API does not document: a header, then
// one record for an entity or for each item of a list. The fields of a profile
// are columns "profile.<name>"; objects and arrays are JSON. The total and the
// cursors of a list are in no record.
func encodeCSV(d document) []byte {
	list := []object{d.entity}
	if d.list != nil {
		list = d.list.items
	}
	var columns []string
	known := make(map[string]int)
	records := make([]map[int]string, len(list))
	for i, o := range list {
		records[i] = make(map[int]string)
		for _, m := range flat(o) {
			column, ok := known[m.name]
			if !ok {
				column = len(columns)
				known[m.name] = column
				columns = append(columns, m.name)
			}
			text := string(m.value)
			if s, ok := parseString(m.value); ok {
				text = s
			} else if m.value.Kind() == 'n' {
				text = ""
			}
			records[i][column] = text
		}
	}
	if columns == nil {
		columns = itemMembers
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write(columns)
	for _, cells := range records {
		record := make([]string, len(columns))
		for i, text := range cells {
			record[i] = text
		}
		w.Write(record)
	}
	w.Flush()
	return b.Bytes()
}

// flat puts the fields of a profile in its place.
func flat(o object) object {
	var out object
	for _, m := range o {
		if m.name != "profile" {
			out = append(out, m)
			continue
		}
		fields, _ := parseObject(m.value)
		for _, f := range fields {
			out = append(out, member{"profile." + f.name, f.value})
		}
	}
	return out
}
