package contact

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxBodyBytes is the largest JSON body that is sent. The API documents 60 kB
// without saying whether that is 60,000 or 61,440 bytes; this is the smaller.
const MaxBodyBytes = 60_000

// projectIDBytes is the length of a project id, `^[a-z0-9]{24}$`.
const projectIDBytes = 24

// A Profile is a contact as it is wanted in the API.
type Profile struct {
	// ContactIDs are the identities of the contact, in the order of the source,
	// without repeats and without empty ones. The API needs at least one.
	ContactIDs []string
	// Active is sent as the member "active"; nil leaves it out. The API does not
	// document its default.
	Active *bool
	// Fields are the members of "profile", sorted by name, no name twice.
	Fields []Field
}

// A Field is one member of a profile: a default field such as "firstname", or a
// custom one.
type Field struct {
	// Name is the internal name of the field in the project's schema.
	Name string
	// Value is one compact JSON value in valid UTF-8.
	Value jsontext.Value
}

// IsEmpty tells whether an update with these members would say nothing.
func (p Profile) IsEmpty() bool { return p.ContactIDs == nil && p.Active == nil && p.Fields == nil }

// OfServer tells whether a member of a profile is the server's own, which it shows and
// nobody writes.
func OfServer(field string) bool { return field == "profileId" || field == "_id" }

// SortFields brings fields into the order that Profile.Fields wants.
func SortFields(fields []Field) {
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
}

// Field returns the value of the field of that name, or nil.
func (p Profile) Field(name string) jsontext.Value {
	i, ok := slices.BinarySearchFunc(p.Fields, name, func(f Field, name string) int { return cmp.Compare(f.Name, name) })
	if !ok {
		return nil
	}
	return p.Fields[i].Value
}

// AppendCreateBody appends the JSON body of a create request: projectId,
// contactIds, active where it is set, and profile. Nothing else may stand in it:
// the API is expected to refuse members it does not know. What is the server's own is
// left out.
func (p Profile) AppendCreateBody(dst []byte, projectID string) []byte {
	dst = append(dst, `{"projectId":`...)
	dst = append(AppendString(dst, projectID), ',')
	return p.appendMembers(dst, true)
}

// AppendUpdateBody appends the JSON body of an update request. A member that is
// nil is left out, and stays as it is in the API; one that is empty is sent.
func (p Profile) AppendUpdateBody(dst []byte) []byte {
	return p.appendMembers(append(dst, '{'), false)
}

// appendMembers appends the members of a body and its closing brace. Of those that
// are nil, whole sends all but active, as empty ones.
func (p Profile) appendMembers(dst []byte, whole bool) []byte {
	if whole || p.ContactIDs != nil {
		dst = append(dst, `"contactIds":`...)
		dst = append(AppendStrings(dst, p.ContactIDs), ',')
	}
	if p.Active != nil {
		dst = append(dst, `"active":`...)
		dst = append(strconv.AppendBool(dst, *p.Active), ',')
	}
	if whole || p.Fields != nil {
		dst = append(dst, `"profile":{`...)
		for _, f := range p.Fields {
			if OfServer(f.Name) {
				continue
			}
			dst = append(AppendString(dst, f.Name), ':')
			dst = append(append(dst, f.Value...), ',')
		}
		dst = append(closed(dst, '}'), ',')
	}
	return closed(dst, '}')
}

// AppendStrings appends a JSON array of strings, in the way of StringValue.
func AppendStrings(dst []byte, all []string) []byte {
	dst = append(dst, '[')
	for _, s := range all {
		dst = append(AppendString(dst, s), ',')
	}
	return closed(dst, ']')
}

// closed ends an object or an array, which may end in a comma.
func closed(dst []byte, end byte) []byte {
	return append(bytes.TrimSuffix(dst, []byte(",")), end)
}

// BodyBytes is the length in bytes of the body that AppendCreateBody makes for
// a project id of the documented length.
func (p Profile) BodyBytes() int {
	return len(p.AppendCreateBody(make([]byte, 0, 512), "")) + projectIDBytes
}

// StringValue is s as the JSON value of a field. Invalid UTF-8 becomes the
// replacement character; sources refuse it before it comes here.
func StringValue(s string) jsontext.Value { return AppendString(nil, s) }

// AppendString appends s as a JSON string, in the way of StringValue.
func AppendString(dst []byte, s string) []byte {
	// The error tells of invalid UTF-8, which is replaced all the same.
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// A Key identifies a contact across files and runs: a 128-bit digest of its
// sorted contact ids. It never depends on the line number, for files are
// exported anew, sorted and repaired between runs.
type Key [16]byte

// A Digest tells a changed profile from an unchanged one: a 128-bit digest of
// what would be sent.
type Digest [16]byte

// KeyOf returns the key of a contact with these contact ids, in any order.
func KeyOf(contactIDs []string) Key {
	ids := contactIDs
	if !slices.IsSorted(ids) {
		ids = slices.Sorted(slices.Values(contactIDs))
	}
	// Each id goes in behind its length, so that {"ab"} and {"a","b"} differ.
	buf := make([]byte, 0, 128)
	for _, id := range ids {
		buf = binary.AppendUvarint(buf, uint64(len(id)))
		buf = append(buf, id...)
	}
	sum := sha256.Sum256(buf)
	return Key(sum[:16])
}

// Measure returns the content digest of a profile and BodyBytes, the length of its
// create body, which it makes once for both. The project is no part of the digest: a
// report belongs to one project.
func (p Profile) Measure() (Digest, int) {
	body := p.AppendCreateBody(make([]byte, 0, 512), "")
	sum := sha256.Sum256(body)
	return Digest(sum[:16]), len(body) + projectIDBytes
}

// text128 is the alphabet of keys and digests; it has one form for each value.
var text128 = base64.RawURLEncoding.Strict()

// String is the key as it stands in the report: 22 characters of URL-safe
// base64 without padding.
func (k Key) String() string { return text128.EncodeToString(k[:]) }

// AppendText implements encoding.TextAppender, in the form of String.
func (k Key) AppendText(b []byte) ([]byte, error) { return text128.AppendEncode(b, k[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler: it reads what String wrote.
func (k *Key) UnmarshalText(text []byte) error { return decode128(k[:], "key", text) }

// String is the digest as it stands in the report, in the form of a key.
func (d Digest) String() string { return text128.EncodeToString(d[:]) }

// AppendText implements encoding.TextAppender, in the form of String.
func (d Digest) AppendText(b []byte) ([]byte, error) { return text128.AppendEncode(b, d[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler: it reads what String wrote.
func (d *Digest) UnmarshalText(text []byte) error { return decode128(d[:], "digest", text) }

func decode128(dst []byte, what string, text []byte) error {
	want := text128.EncodedLen(len(dst))
	if len(text) == want {
		// Line breaks are left out by Decode, and make it shorter.
		if n, err := text128.Decode(dst, text); err == nil && n == len(dst) {
			return nil
		}
	}
	return fmt.Errorf("%s %q: want %d characters of URL-safe base64", what, text, want)
}
