package source

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"

	"importer/internal/words"
	"importer/source/decode"
	"importer/source/mapping"
	"importer/source/mapping/columns"
	"importer/source/table"
)

// A jsonShape is how a file holds its objects.
type jsonShape uint8

const (
	jsonLines   jsonShape = iota // one a line
	jsonArray                    // in one array
	jsonStream                   // one behind the other, each over several lines
	jsonWrapped                  // in one array that is a member of one object
)

// examineJSON finds the shape in the beginning of the text.
func (f *file) examineJSON(text []byte, whole bool) (err error) {
	if f.plan, err = mapping.PlanJSON(f.options.Mapping); err != nil {
		return err
	}
	switch first := bytes.TrimSpace(text)[0]; {
	case first == '[':
		f.shape = jsonArray
		return examineArray(text, whole)
	case first != '{' && !anyLine(text, '{'):
		return fmt.Errorf("%w: it is read as JSON, and no line begins with a JSON object; if it is CSV, say --format csv", ErrWrongKind)
	case first != '{':
		return nil
	}
	dec := newDecoder(bytes.NewReader(text))
	v, err := dec.ReadValue()
	only := !whole
	if err == nil {
		_, next := dec.ReadToken()
		only = whole && next == io.EOF
	}
	if only {
		if err == nil && len(bytes.Fields(v[1:len(v)-1])) == 0 {
			return fmt.Errorf("%w: it is an empty JSON object, and there is nothing to import", ErrEmpty)
		}
		if err := f.findWrapped(text); err != nil || f.shape == jsonWrapped {
			return err
		}
	}
	if err == nil && bytes.ContainsAny(v, "\r\n") || err != nil && isIndented(text) {
		f.shape = jsonStream
	}
	return nil
}

// isIndented tells whether an object begins in the first line and goes on in the next.
func isIndented(text []byte) bool {
	first, rest, _ := bytes.Cut(bytes.TrimSpace(text), []byte{'\n'})
	first, rest = bytes.TrimSpace(first), bytes.TrimSpace(rest)
	return endsEarly(first) && (len(rest) > 0 && rest[0] != '{' || len(first) == 1)
}

// endsEarly tells whether a text is the beginning of a JSON value.
func endsEarly(text []byte) bool {
	_, err := newDecoder(bytes.NewReader(text)).ReadValue()
	return errors.Is(err, io.ErrUnexpectedEOF)
}

func anyLine(text []byte, begins byte) bool {
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] == begins {
			return true
		}
	}
	return false
}

// examineArray looks at the first elements: an array without objects holds no contacts.
func examineArray(text []byte, whole bool) error {
	dec := newDecoder(bytes.NewReader(text))
	dec.ReadToken() // the bracket
	const elements = 20
	for i := range elements {
		kind := dec.PeekKind()
		switch {
		case kind == ']' && i == 0:
			dec.ReadToken()
			if _, err := dec.ReadToken(); whole && err == io.EOF {
				return fmt.Errorf("%w: it is an empty JSON array, and there is nothing to import", ErrEmpty)
			}
			return nil
		case kind == ']':
			return fmt.Errorf("%w: the JSON array holds no objects, and values without names cannot be imported: write one object a contact, such as [{\"email\":\"ada@example.com\"}]", ErrWrongKind)
		case kind == '{', dec.SkipValue() != nil:
			return nil // what is wrong is told with its line
		}
	}
	return nil
}

// findWrapped looks into the only object of a file for an array of objects. It is what
// many an API answers, with a count or a link beside it.
func (f *file) findWrapped(text []byte) error {
	dec := newDecoder(bytes.NewReader(text))
	dec.ReadToken() // the brace
	var arrays, others []string
	var path string // of a list deeper down
	empty, objects := false, 0
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			break
		}
		member := name.String()
		if columns.IsKnown(member) || member == "profile" || f.plan.NamesMember(member) {
			return nil // it is a contact
		}
		value := bytes.TrimLeft(text[dec.InputOffset():], ": \t\r\n")
		if listOfObjects.Match(value) {
			arrays = append(arrays, member)
		} else {
			others = append(others, member)
			if within := listWithin(value, 0); within != "" {
				path = cmp.Or(path, member+"."+within)
			}
			empty = empty || noElements.Match(value)
			if bytes.HasPrefix(value, []byte("{")) {
				objects++
			}
		}
		if dec.SkipValue() != nil {
			empty = false
			break // the sample ends in it
		}
	}
	switch {
	case len(arrays) > 1:
		return fmt.Errorf("%w: it is one JSON object with several lists in it: %s; save one of them as an array of its own", ErrWrongKind, words.QuoteNames(arrays, 12))
	case len(arrays) == 1:
		f.shape, f.member = jsonWrapped, arrays[0]
		note := fmt.Sprintf("the rows are read from the list %q", f.member)
		if len(others) > 0 {
			note += "; left out beside it: " + words.QuoteNames(others, 12)
		}
		f.note(note)
	case path != "":
		return fmt.Errorf("%w: it is one JSON object, and the list %s in it may hold the contacts: save that as an array of its own", ErrWrongKind, words.Show(path))
	case empty:
		return fmt.Errorf("%w: it is one JSON object with an empty list in it (%s), and there is nothing to import", ErrEmpty, words.QuoteNames(others, 12))
	case objects > 1 && objects == len(others):
		return fmt.Errorf("%w: it is one JSON object, and all its members are objects (%s): if each is a contact, write them as an array, and what they are named by as a field, such as [{\"email\":\"ada@example.com\"}]", ErrWrongKind, words.QuoteNames(others, 12))
	}
	return nil
}

// maxWithin is how many objects a list of contacts may stand within to be found.
const maxWithin = 5

// listWithin is the way to the first list of objects within an object: names with dots
// between them.
func listWithin(object []byte, depth int) string {
	if depth == maxWithin || !bytes.HasPrefix(object, []byte("{")) {
		return ""
	}
	dec := newDecoder(bytes.NewReader(object))
	dec.ReadToken() // the brace
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return ""
		}
		member := name.String()
		value := bytes.TrimLeft(object[dec.InputOffset():], ": \t\r\n")
		if listOfObjects.Match(value) {
			return member
		}
		if path := listWithin(value, depth+1); path != "" {
			return member + "." + path
		}
		if dec.SkipValue() != nil {
			return ""
		}
	}
	return ""
}

// noElements matches an array without any.
var noElements = regexp.MustCompile(`^\[\s*\]`)

// beginsJSON matches the beginning of an object, or of an array of them.
var beginsJSON = regexp.MustCompile(`^\s*(?:\[\s*)?\{\s*"[^"]*"\s*:`)

// listOfObjects matches the beginning of an array of objects.
var listOfObjects = regexp.MustCompile(`^\s*:?\s*\[\s*\{`)

// newDecoder reads JSON. Names that occur twice and bytes that are not UTF-8 make only
// their element invalid: they are looked for when it is taken apart.
func newDecoder(r io.Reader) *jsontext.Decoder {
	return jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// An objectReader reads the objects of a file that has them elsewhere than on a line of
// their own, however long it is. Where it is not JSON, nothing says where the next object
// begins, so such an error ends the input.
type objectReader struct {
	shape  jsonShape
	member string // of wrapped ones: the name of their array
	text   *positions
	dec    *jsontext.Decoder
}

func newObjectReader(text io.Reader, f *file) objectReader {
	p := &positions{src: withNewlines(text), line: 1, byte: 1}
	return objectReader{shape: f.shape, member: f.member, text: p, dec: newDecoder(p)}
}

func (r objectReader) next(rec *mapping.Record) error {
	if r.dec.InputOffset() == 0 {
		rec.Line = 1
		if err := r.enter(); err != nil {
			return r.fail(err)
		}
	}
	r.text.moveTo(r.dec.InputOffset())
	if r.shape != jsonStream && r.dec.PeekKind() == ']' {
		return r.leave()
	}
	v, err := r.dec.ReadValue()
	switch {
	case err == io.EOF && r.shape == jsonStream:
		return io.EOF
	case err != nil:
		return r.fail(err)
	}
	line, _ := r.text.at(r.dec.InputOffset() - int64(len(v)))
	*rec = mapping.Record{Line: line, Raw: []string{string(v)}, JSON: v}
	return nil
}

// enter reads up to the first object.
func (r objectReader) enter() error {
	switch r.shape {
	case jsonStream:
		return nil
	case jsonWrapped:
		if _, err := r.dec.ReadToken(); err != nil {
			return err
		}
		if err := r.skipMembers(r.member); err != nil {
			return err
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// skipMembers leaves out members of the object around the rows, up to one of that name,
// whose value comes next, or else to the end of the object.
func (r objectReader) skipMembers(upTo string) error {
	for r.dec.PeekKind() == '"' {
		r.text.moveTo(r.dec.InputOffset())
		name, err := r.dec.ReadToken()
		if err != nil {
			return err
		}
		member := name.String()
		if member == upTo && upTo != "" {
			return nil
		}
		v, err := r.dec.ReadValue()
		if err != nil {
			return err
		}
		if listOfObjects.Match(v) {
			return fmt.Errorf("there is a second list, %s, beside %q: save one of them as an array of its own", words.Show(member), r.member)
		}
	}
	_, err := r.dec.ReadToken()
	return err
}

// leave reads what stands behind the last object.
func (r objectReader) leave() error {
	if _, err := r.dec.ReadToken(); err != nil {
		return r.fail(err)
	}
	if r.shape == jsonWrapped {
		if err := r.skipMembers(""); err != nil {
			return r.fail(err)
		}
	}
	_, err := r.dec.ReadToken()
	switch err {
	case nil:
		line, at := r.text.at(r.dec.InputOffset())
		return fmt.Errorf("there is more behind the end of the JSON %s, at line %d, byte %d", r.what(), line, at)
	case io.EOF:
		return io.EOF
	}
	return r.fail(err)
}

func (r objectReader) what() string {
	if r.shape == jsonArray {
		return "array"
	}
	return "object"
}

func (r objectReader) fail(err error) error {
	s, ok := errors.AsType[*jsontext.SyntacticError](err)
	switch {
	case errors.Is(err, errTooLong):
		return fmt.Errorf("an element of the JSON %s is longer than %d MiB", r.what(), maxRecord>>20)
	case err == io.EOF, ok && errors.Is(s.Err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the JSON %s is not closed: the file is cut off", r.what())
	case ok:
		line, at := r.text.at(s.ByteOffset)
		return fmt.Errorf("not valid JSON: %s, at line %d, byte %d; what follows cannot be read", words.OfJSON(s.Err.Error()), line, at)
	}
	return err
}

// positions holds what was read through it behind a mark, to tell lines in it. It
// fails with errTooLong where that is more than maxRecord bytes.
type positions struct {
	src  io.Reader
	held bytes.Buffer
	mark int64 // offset of what is held
	line int   // of the mark, from 1
	byte int   // of the mark in its line, from 1
}

func (p *positions) Read(b []byte) (int, error) {
	if p.held.Len() > maxRecord {
		return 0, errTooLong
	}
	n, err := p.src.Read(b)
	p.held.Write(b[:n])
	return n, err
}

func (p *positions) moveTo(offset int64) {
	p.line, p.byte = p.at(offset)
	p.held.Next(int(offset - p.mark))
	p.mark = offset
}

// at is the line and the byte in it, from 1, of an offset behind the mark.
func (p *positions) at(offset int64) (int, int) {
	line, at := position(p.held.Bytes(), int(offset-p.mark), p.line)
	if line == p.line {
		at += p.byte - 1
	}
	return line, at
}

// A jsonReader reads one JSON object a line.
type jsonReader struct {
	file *file
	text *lineReader
	end  error // where the file is cut off
	left leftOut
}

func (r *jsonReader) next(rec *mapping.Record) error {
	for {
		end, err := r.text.end(0)
		long := errors.Is(err, errTooLong)
		if err = cmp.Or(r.end, err); err != nil && !long {
			r.left.tell(r.file)
			return err
		}
		number := r.text.taken + 1
		if long {
			*rec = mapping.Record{Line: number, Raw: []string{r.text.skip()}}
			rec.Fault = &mapping.Fault{Reason: fmt.Sprintf("the line is longer than %d MiB", maxRecord>>20), Hint: "shorten it or leave it out"}
			return nil
		}
		line := r.text.take(end)
		last := line[len(line)-1] != '\n'
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte(decode.BOM)))
		if last {
			line = bytes.TrimRight(line, "\x00\x1a") // the end of a text of DOS, or space that was never written
		}
		switch {
		case len(line) == 0:
			continue
		case line[0] <= ' ' && table.IsBlank([]string{string(line)}):
			r.left.add(r.file, blankRow, number)
			continue
		case last && endsEarly(line):
			r.end = errors.New("the file ends inside a JSON value: it is cut off")
		}
		*rec = mapping.Record{Line: number, Raw: []string{string(line)}, JSON: line}
		if bytes.HasSuffix(line, []byte("},")) {
			rec.Fault = &mapping.Fault{Reason: "a comma stands behind the object", Hint: "take it out, or put all objects between [ and ], as one array"}
		}
		return nil
	}
}
