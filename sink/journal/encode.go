package journal

import (
	"importer/importer/contact"
	"strconv"
	"time"
)

// timeLayout is RFC 3339 with milliseconds. Times are in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// appendKeysLine appends a line that names keys: "sending", "changing", "gone" or
// "unsent".
func appendKeysLine(b []byte, kind string, keys []contact.Key, at time.Time) []byte {
	b = append(b, `{"kind":"`...)
	b = append(b, kind...)
	b = append(b, `","keys":[`...)
	for i, k := range keys {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = strict64.AppendEncode(b, k[:])
		b = append(b, '"')
	}
	b = append(b, ']')
	return appendAt(b, at)
}

// appendRowLine appends the line of an outcome. It is written once for every row
// of the input, and so without reflection. With redact it holds nothing that
// came from the source but its file name and line numbers.
func appendRowLine(b []byte, o *contact.Outcome, redact bool) []byte {
	b = append(b, `{"kind":"row"`...)
	if o.Status != contact.Invalid {
		b = append(b, `,"key":"`...)
		b = strict64.AppendEncode(b, o.Row.Key[:])
		b = append(b, `","digest":"`...)
		b = strict64.AppendEncode(b, o.Row.Digest[:])
		b = append(b, '"')
	}
	b = append(b, `,"source":`...)
	b = contact.AppendString(b, o.Row.Source)
	b = append(b, `,"line":`...)
	b = strconv.AppendInt(b, int64(o.Row.Line), 10)
	b = append(b, `,"row":`...)
	b = strconv.AppendInt(b, o.Row.Number, 10)
	if len(o.Row.Profile.ContactIDs) > 0 && !redact {
		b = append(b, `,"contactIds":[`...)
		for i, id := range o.Row.Profile.ContactIDs {
			if i > 0 {
				b = append(b, ',')
			}
			b = contact.AppendString(b, id)
		}
		b = append(b, ']')
	}
	b = append(b, `,"status":"`...)
	b = append(b, o.Status.String()...)
	b = append(b, '"')
	if o.Status == contact.Duplicate {
		b = append(b, `,"first":{"source":`...)
		b = contact.AppendString(b, o.First.Source)
		b = append(b, `,"line":`...)
		b = strconv.AppendInt(b, int64(o.First.Line), 10)
		b = append(b, '}')
	}
	if o.ID != "" {
		b = append(b, `,"_id":`...)
		b = contact.AppendString(b, o.ID)
	}
	if o.Found {
		b = append(b, `,"found":true`...)
	}
	if o.Doubt != "" {
		b = append(b, `,"doubt":`...)
		b = contact.AppendString(b, o.Doubt)
	}
	if o.Failure != nil {
		b = append(b, `,"error":`...)
		b = appendFailure(b, o.Failure, redact)
	}
	b = append(b, `,"attempts":`...)
	b = strconv.AppendInt(b, int64(o.Attempts), 10)
	if o.Reads != 0 {
		b = append(b, `,"reads":`...)
		b = strconv.AppendInt(b, int64(o.Reads), 10)
	}
	if o.Touched {
		b = append(b, `,"touched":true`...)
	}
	if o.Undone {
		b = append(b, `,"undone":true`...)
	}
	if !o.Changed.IsZero() {
		b = append(b, `,"lastChanged":"`...)
		b = appendTime(b, o.Changed)
		b = append(b, '"')
	}
	if o.Previous != nil && !redact {
		b = append(b, `,"previous":`...)
		b = o.Previous.AppendUpdateBody(b)
	}
	return appendAt(b, o.At)
}

// redacted stands in the place of a detail, which may quote a value.
const redacted = "redacted"

// appendFailure appends the members of f in the order of its declaration, which
// is that of the contract. The field may be a column name, the detail and the
// hint may quote a value: with redact none of them is written.
func appendFailure(b []byte, f *contact.Failure, redact bool) []byte {
	b = append(b, '{')
	if f.HTTP != 0 {
		b = append(b, `"http":`...)
		b = strconv.AppendInt(b, int64(f.HTTP), 10)
		b = append(b, ',')
	}
	if f.Code != 0 {
		b = append(b, `"code":`...)
		b = strconv.AppendInt(b, int64(f.Code), 10)
		b = append(b, ',')
	}
	if f.Field != "" && !redact {
		b = append(b, `"field":`...)
		b = contact.AppendString(b, f.Field)
		b = append(b, ',')
	}
	detail := f.Detail
	if redact {
		detail = redacted
	}
	b = append(b, `"detail":`...)
	b = contact.AppendString(b, detail)
	if f.TraceID != "" {
		b = append(b, `,"traceId":`...)
		b = contact.AppendString(b, f.TraceID)
	}
	if f.Hint != "" && !redact {
		b = append(b, `,"hint":`...)
		b = contact.AppendString(b, f.Hint)
	}
	return append(b, '}')
}

// appendAt appends the last member of every line but the first and the last of a
// run, and ends the line.
func appendAt(b []byte, at time.Time) []byte {
	b = append(b, `,"at":"`...)
	b = appendTime(b, at)
	return append(b, "\"}\n"...)
}

// appendTime appends a time in timeLayout: what AppendFormat does, without reading
// the layout for every line.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	year, month, day := t.Date()
	if year < 1000 || year > 9999 {
		return t.AppendFormat(b, timeLayout)
	}
	hour, minute, second := t.Clock()
	two := func(n int, then byte) { b = append(b, byte('0'+n/10), byte('0'+n%10), then) }
	b = strconv.AppendInt(b, int64(year), 10)
	b = append(b, '-')
	two(int(month), '-')
	two(day, 'T')
	two(hour, ':')
	two(minute, ':')
	two(second, '.')
	ms := t.Nanosecond() / 1e6
	return append(b, byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// milliseconds is the time as the report has it, for encoders that know RFC 3339
// only.
func milliseconds(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

func formatTime(t time.Time) string { return t.UTC().Format(timeLayout) }
