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

	"importer/internal/sandbox/jsonvalue"
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
		return d.list.object().AppendJSON(nil)
	}
	return d.entity.AppendJSON(nil)
}

// encodeHAL writes application/hal+json. An entity keeps its members at the top;
// the items of a list have their members under "properties", and their ids in
// "_links.self.href" only, as third parties saw it on the API.
func encodeHAL(d document) []byte {
	if d.problem != nil {
		return d.entity.AppendJSON(nil)
	}
	if d.list == nil {
		self := d.path
		if id, ok := jsonvalue.ParseString(d.entity.Get("_id")); ok && !strings.Contains(self, id) {
			self += "/" + id // a create
		}
		return append(selfLink(self), d.entity...).AppendJSON(nil)
	}
	links := jsonvalue.Object{{Name: "self", Value: link(d.page("", ""))}}
	if d.list.next != "" {
		links = links.Set("next", link(d.page("next", d.list.next)))
	}
	if d.list.previous != "" {
		links = links.Set("previous", link(d.page("previous", d.list.previous)))
	}
	items := make([]jsonvalue.Object, len(d.list.items))
	for i, item := range d.list.items {
		id, _ := jsonvalue.ParseString(item[0].Value)
		items[i] = selfLink(d.path+"/"+id).Set("properties", item[1:].Value())
	}
	return jsonvalue.Object{
		{Name: "_links", Value: links.Value()},
		{Name: "_embedded", Value: jsonvalue.Object{{Name: "profiles", Value: jsonvalue.Objects(items)}}.Value()},
		{Name: "total", Value: jsonvalue.Int(int64(d.list.total))},
	}.AppendJSON(nil)
}

// selfLink is the member "_links" of what has one link: to itself.
func selfLink(href string) jsonvalue.Object {
	return jsonvalue.Object{{Name: "_links", Value: jsonvalue.Object{{Name: "self", Value: link(href)}}.Value()}}
}

func link(href string) jsontext.Value {
	return jsonvalue.Object{{Name: "href", Value: jsonvalue.String(href)}}.Value()
}

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
	case d.entity.Get("details") != nil:
		root = "schema"
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	appendXML(&b, root, o.Value())
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
		o, _ := jsonvalue.ParseObject(v)
		for _, m := range o {
			appendXML(b, m.Name, m.Value)
		}
	case '[':
		items, _ := jsonvalue.ParseArray(v)
		for _, item := range items {
			appendXML(b, "item", item)
		}
	case '"':
		text, _ := jsonvalue.ParseString(v)
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
	list := []jsonvalue.Object{d.entity}
	if d.list != nil {
		list = d.list.items
	}
	var columns []string
	known := make(map[string]int)
	records := make([]map[int]string, len(list))
	for i, o := range list {
		records[i] = make(map[int]string)
		for _, m := range flat(o) {
			column, ok := known[m.Name]
			if !ok {
				column = len(columns)
				known[m.Name] = column
				columns = append(columns, m.Name)
			}
			text := string(m.Value)
			if s, ok := jsonvalue.ParseString(m.Value); ok {
				text = s
			} else if m.Value.Kind() == 'n' {
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
func flat(o jsonvalue.Object) jsonvalue.Object {
	var out jsonvalue.Object
	for _, m := range o {
		if m.Name != "profile" {
			out = append(out, m)
			continue
		}
		fields, _ := jsonvalue.ParseObject(m.Value)
		for _, f := range fields {
			out = append(out, jsonvalue.Member{Name: "profile." + f.Name, Value: f.Value})
		}
	}
	return out
}
