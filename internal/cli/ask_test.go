package cli

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"importer/source"
)

func askedSample(t *testing.T) source.Options {
	t.Helper()
	return source.Options{Paths: []string{"-"}, Stdin: strings.NewReader("email,Shoe Size,Frstname\na@example.com,38,Ada\nb@example.com,,Bob\n")}
}

// Enter takes the guess, ? says what else, and what cannot be used is asked again.
func TestAskAbout(t *testing.T) {
	sample, err := source.Sample(askedSample(t))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := askAbout(context.Background(), strings.NewReader("?\nfirstnam\ncustom\n\n"), &out, sample); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 things to look at", `1 of 2  "Shoe Size": filled in 1 of 2 rows` + "\n        \"38\"\n", "goes to [nowhere]: ", "custom for a custom field\n        of this name", `did you mean firstname?`, `2 of 2  "Frstname"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	text, err := sample.Config()
	if err != nil || !strings.Contains(text, `    shoe_size: {column: "Shoe Size", type: number}`) {
		t.Errorf("%v\n%s", err, text)
	}
}

// Where the answers end, the guess is taken; where the process is told to end, nothing is.
func TestAskAboutEnds(t *testing.T) {
	sample, err := source.Sample(askedSample(t))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := askAbout(context.Background(), strings.NewReader(""), &out, sample); err != nil || !strings.Contains(out.String(), "the guess is taken for the rest") {
		t.Errorf("%v\n%s", err, out.String())
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	told := errors.New("told to end")
	cancel(told)
	silent, writer := io.Pipe()
	defer writer.Close()
	if err := askAbout(ctx, silent, &out, sample); !errors.Is(err, told) {
		t.Errorf("%v", err)
	}
}
