package yamlwords

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/token"

	"importer/internal/words"
)

// Explain is an error of YAML with the lines of the text that it is about, in words that
// tell what may stand there. It may quote a key, which may hold anything, and is shown as
// shown shows it; of an unknown key, nearest is the one that was meant, or empty. It is
// false of any other error.
func Explain(err error, shown func(string) string, nearest func(key *token.Token) string) (lines string, ok bool) {
	bad, ok := errors.AsType[yaml.Error](err)
	if !ok {
		return "", false
	}
	message := bad.GetMessage()
	text := strings.TrimSpace(bad.FormatError(false, true))
	return strings.Replace(text, message, shown(inWords(err, message, nearest)), 1), true
}

// inWords is the message of an error without the words of a programming language.
func inWords(err error, message string, nearest func(key *token.Token) string) string {
	if wrong, ok := errors.AsType[*yaml.TypeError](err); ok {
		return fmt.Sprintf("want %s, and this is %s", wanted(wrong.DstType), given(wrong.SrcType))
	}
	if wrong, ok := errors.AsType[*yaml.OverflowError](err); ok {
		return fmt.Sprintf("want %s, and this is too large", wanted(wrong.DstType))
	}
	if wrong, ok := errors.AsType[*yaml.UnexpectedNodeTypeError](err); ok {
		return fmt.Sprintf("want %s, and this is %s", nodeWord(wrong.Expected.YAMLName()), nodeWord(wrong.Actual.YAMLName()))
	}
	if wrong, ok := errors.AsType[*yaml.UnknownFieldError](err); ok {
		text := "there is no key " + words.Show(wrong.Token.Value)
		if like := nearest(wrong.Token); like != "" {
			text += "; did you mean " + like + "?"
		}
		return text
	}
	return message
}

// wanted says what the values of a type are.
func wanted(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "a time with its unit, such as 30s, 5m or 1h"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list, such as [a, b]"
	case reflect.String:
		return "a text"
	case reflect.Pointer:
		return wanted(t.Elem())
	}
	return "a section, with keys and values"
}

// given says what stands there instead.
func given(t reflect.Type) string {
	switch {
	case t == nil:
		return "nothing"
	case t.Kind() == reflect.Slice:
		return "a list"
	case t.Kind() == reflect.Map || t.Kind() == reflect.Struct:
		return "a section"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Float64:
		return "a number with a fraction"
	}
	return "a number"
}

// nodeWord is what people call what YAML has a name for.
func nodeWord(name string) string {
	switch name {
	case "mapping":
		return "a section, with keys and values"
	case "sequence":
		return "a list, such as [a, b]"
	case "string":
		return "a text"
	case "boolean", "bool":
		return "true or false"
	case "int", "integer", "float":
		return "a number"
	}
	return "something else (" + name + ")"
}
