package journal

import (
	"importer/importer/contact"
	"unicode/utf8"
)

// parseUsual reads a line of the usual kinds: the outcome of a row without an
// error, and announced keys, byte for byte in the form in which they are written.
// They are all but a few of a report's lines, and reading them as any JSON takes
// five times as long. It is false, with an undefined p.line, for everything that
// is in the least unusual, which is then read as any JSON.
func (p *lineParser) parseUsual(b []byte) bool {
	l := &p.line
	*l = line{keys: l.keys[:0]}
	t := text(b)
	switch {
	case t.skip(`{"kind":"row","key":"`):
		l.kind = "row"
		return p.usualRow(t)
	case t.skip(`{"kind":"sending","keys":[`):
		l.kind = "sending"
		for t.skip(`"`) {
			l.keys = append(l.keys, contact.Key{})
			if !t.key(&l.keys[len(l.keys)-1]) || !t.skip(`"`) {
				return false
			}
			if !t.skip(`,`) {
				return t.skip(`]`) && p.usualEnd(t)
			}
		}
	}
	return false
}

// usualRow reads what follows on `"key":"` in the line of a row. What the replay
// has no use for need only be well formed.
func (p *lineParser) usualRow(t text) bool {
	l := &p.line
	ok := t.key(&l.key) &&
		t.skip(`","digest":"`) && t.pastString() &&
		t.skip(`,"source":"`) && t.pastString() &&
		t.skip(`,"line":`) && t.number(nil) &&
		t.skip(`,"row":`) && t.number(nil)
	if ok && t.skip(`,"contactIds":["`) {
		for ok = t.pastString(); ok && t.skip(`,"`); {
			ok = t.pastString()
		}
		ok = ok && t.skip(`]`)
	}
	ok = ok && t.skip(`,"status":"`) && t.status(&l.status)
	if ok && t.skip(`,"_id":"`) {
		ok = t.pastString()
	}
	if ok {
		t.skip(`,"found":true`)
	}
	ok = ok && t.skip(`,"attempts":`) && t.number(&l.attempts)
	if ok && t.skip(`,"reads":`) {
		ok = t.number(&l.reads)
	}
	if ok {
		t.skip(`,"touched":true`)
	}
	if ok && t.skip(`,"lastChanged":"`) {
		ok = t.pastString()
	}
	return ok && p.usualEnd(t)
}

// usualEnd reads the time with which such a line ends. Most are of the same
// second as the one before.
func (p *lineParser) usualEnd(t text) bool {
	const second, whole = len(`"2006-01-02T15:04:05`), len(`"2006-01-02T15:04:05.000Z"`)
	if !t.skip(`,"at":`) || len(t) != whole+1 || t[whole] != '}' {
		return false
	}
	if string(t[:second]) != string(p.second[:]) {
		at, err := parseTime(t[:whole])
		if err != nil || at < 0 {
			return false
		}
		copy(p.second[:], t)
		p.secondAt = at - at%1000
	}
	ms := t[second:whole]
	if ms[0] != '.' || !isDigit(ms[1]) || !isDigit(ms[2]) || !isDigit(ms[3]) || ms[4] != 'Z' || ms[5] != '"' {
		return false
	}
	p.line.at = p.secondAt + int64(ms[1]-'0')*100 + int64(ms[2]-'0')*10 + int64(ms[3]-'0')
	return true
}

// A text is what is left to be read of a line.
type text []byte

// skip leaves out what the text begins with, if it does.
func (t *text) skip(begin string) bool {
	if len(*t) < len(begin) || string((*t)[:len(begin)]) != begin {
		return false
	}
	*t = (*t)[len(begin):]
	return true
}

// pastString leaves out the rest of a string, with the quote that ends it; false
// where something in it is escaped or not allowed.
func (t *text) pastString() bool {
	ascii := true
	for i, c := range *t {
		switch {
		case c == '"':
			s := (*t)[:i]
			*t = (*t)[i+1:]
			return ascii || utf8.Valid(s)
		case c < ' ' || c == '\\':
			return false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return false
}

// number reads digits. There is no use for it where to is nil.
func (t *text) number(to *int) bool {
	n, i := 0, 0
	for i < len(*t) && i < 10 && isDigit((*t)[i]) {
		n = n*10 + int((*t)[i]-'0')
		i++
	}
	if i == 0 || i == 10 || i > 1 && (*t)[0] == '0' {
		return false // too long for an int of 32 bits, or for JSON
	}
	if to != nil {
		*to = n
	}
	*t = (*t)[i:]
	return true
}

func (t *text) key(k *contact.Key) bool {
	const n = keyText - 2
	if len(*t) < n {
		return false
	}
	// Decode leaves out carriage returns, which must not be here.
	if size, err := strict64.Decode(k[:], (*t)[:n]); err != nil || size != len(k) {
		return false
	}
	*t = (*t)[n:]
	return true
}

// status reads the name of a status, with the quote that ends it.
func (t *text) status(to *contact.Status) bool {
	for s := contact.Created; s < contact.InDoubt; s++ {
		rest := *t
		if rest.skip(s.String()) && rest.skip(`"`) {
			*t, *to = rest, s
			return true
		}
	}
	return false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
