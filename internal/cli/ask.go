package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"importer/internal/plain"
	"importer/internal/words"
	"importer/source/guess"
)

// personAt is the terminal that somebody types at and reads from; nil where standard
// input or standard error is none.
func personAt(env Env) io.Reader {
	in, ok := env.Stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !isTerminal(plain.Behind(env.Stderr)) {
		return nil
	}
	return in
}

// askAbout asks what the guess of a sample is unsure about. Where the answers end, the
// guess is taken for the rest. It ends with the cause of ctx.
func askAbout(ctx context.Context, in io.Reader, out io.Writer, sample *guess.Sample) error {
	questions := sample.Questions()
	if len(questions) == 0 {
		return nil
	}
	fmt.Fprintf(out, "%s: %s to look at.\nEnter takes what stands in brackets, - leaves a column out, ? says what else.\n", plain.Line(sample.Name), words.Plural(len(questions), "thing", "things"))
	lines := make(chan string) // closed by the reader, which the process does not wait for: it may never be typed to
	go func() {
		defer close(lines)
		for r := bufio.NewReader(in); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}()
	for n, q := range questions {
		fmt.Fprintf(out, "\n%d of %d  %s", n+1, len(questions), asWords(q))
		done, err := askOne(ctx, lines, out, sample, q)
		if err != nil {
			return err
		}
		if done {
			fmt.Fprintln(out, "\nNo more answers: the guess is taken for the rest.")
			return nil
		}
	}
	fmt.Fprintln(out)
	return nil
}

// askOne asks one question until the answer can be used; done tells that nobody answers
// any more.
func askOne(ctx context.Context, lines <-chan string, out io.Writer, sample *guess.Sample, q guess.Question) (done bool, err error) {
	for {
		fmt.Fprintf(out, "        goes to [%s]: ", shownGuess(q))
		select {
		case <-ctx.Done():
			fmt.Fprintln(out)
			return false, context.Cause(ctx)
		case line, ok := <-lines:
			if !ok {
				return true, nil
			}
			if strings.TrimSpace(line) == "?" {
				fmt.Fprint(out, indented(q.Answers))
				continue
			}
			err := sample.Answer(q, line)
			if err == nil {
				return false, nil
			}
			fmt.Fprint(out, indented(err.Error()))
		}
	}
}

// asWords is a column, how full it is, what stands in it and what is not sure.
func asWords(q guess.Question) string {
	if q.Column < 0 {
		return plain.Line(q.Name) + "\n" + indented(q.Why)
	}
	return plain.Line(fmt.Sprintf("%q: filled in %s of %s rows", q.Name, words.Comma(int64(q.Filled)), words.Comma(int64(q.Rows)))) + "\n" +
		indented(strings.Join(q.Examples, ", ")) + indented(q.Why)
}

// indented are the words of a text in lines of 80 characters at most, as far as words
// allow, each with its end.
func indented(text string) string {
	const indent, width = "        ", 80
	var b strings.Builder
	line := ""
	for word := range strings.FieldsSeq(plain.Line(text)) {
		if line != "" && utf8.RuneCountInString(indent+line+" "+word) > width {
			b.WriteString(indent + line + "\n")
			line = ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	return b.String() + indent + line + "\n"
}

// shownGuess is where a column goes if nobody says otherwise.
func shownGuess(q guess.Question) string {
	if q.Guess == "-" {
		return "nowhere"
	}
	return q.Guess
}
