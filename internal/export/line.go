package export

import (
	"bytes"
	"strconv"
	"time"

	"importer/importer/contact"
)

// AppendLine appends a profile as one line, in the form in which the API shows it.
func AppendLine(b []byte, f *contact.Found) []byte {
	b = append(b, `{"_id":`...)
	b = contact.AppendString(b, f.ID)
	b = append(b, `,"contactIds":`...)
	b = contact.AppendStrings(b, f.ContactIDs)
	b = append(b, `,"active":`...)
	b = strconv.AppendBool(b, f.Active)
	for _, t := range []struct {
		name string
		at   time.Time
	}{{"createdAt", f.CreatedAt}, {"lastChanged", f.LastChanged}} {
		if !t.at.IsZero() {
			b = append(b, `,"`+t.name+`":`...)
			b = strconv.AppendInt(b, t.at.Unix(), 10)
		}
	}
	if others := bytes.TrimSpace(f.Others); len(others) > 2 { // {} is empty
		b = append(append(b, ','), others[1:len(others)-1]...)
	}
	b = append(b, `,"profile":{`...)
	for i, field := range f.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(contact.AppendString(b, field.Name), ':')
		b = append(b, field.Value...)
	}
	return append(b, "}}\n"...)
}

// seconds is a time as the API tells it; 0 where it does not.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
