package live

import (
	"bytes"
	"io"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/rs/zerolog"

	"importer/internal/config"
	"importer/internal/plain"
)

// Logger logs to the display: for people on a terminal, else as JSON. What its texts
// hold that came from outside is bounded, and escaped in either form.
func (d *Display) Logger(o config.Log) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(o.Level)
	if err != nil {
		return zerolog.Nop(), config.Errorf("%w", err)
	}
	var w io.Writer = bounded{d}
	if o.Format == "console" || o.Format == "auto" && d.terminal {
		w = zerolog.ConsoleWriter{Out: above{d}, TimeFormat: time.TimeOnly, NoColor: !d.colored, FormatPrepare: lines}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}

// lines makes each text of an event one line, before it gets its colours.
func lines(event map[string]any) error {
	for name, value := range event {
		event[name] = inLines(value)
	}
	return nil
}

func inLines(value any) any {
	switch v := value.(type) {
	case string:
		return plain.Line(v)
	case []any:
		for i := range v {
			v[i] = inLines(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = inLines(v[name])
		}
	}
	return value
}

// maxText bounds a text of an event in bytes, and an event below which none of its
// texts needs a look.
const maxText = 4000

// bounded cuts the texts of events, each of which is a JSON object and a Write.
type bounded struct{ w io.Writer }

func (b bounded) Write(event []byte) (int, error) {
	short := event
	if len(event) > maxText {
		var err error
		if short, err = cutTexts(event); err != nil {
			return 0, err
		}
	}
	if _, err := b.w.Write(short); err != nil {
		return 0, err
	}
	return len(event), nil
}

func cutTexts(event []byte) ([]byte, error) {
	var out bytes.Buffer
	in := jsontext.NewDecoder(bytes.NewReader(event), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	to := jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	for {
		token, err := in.ReadToken()
		if err == io.EOF {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		if token.Kind() == '"' {
			token = jsontext.String(plain.Cut(token.String(), maxText))
		}
		if err := to.WriteToken(token); err != nil {
			return nil, err
		}
	}
}
