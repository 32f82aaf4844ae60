//go:build linux

package hostile

import (
	"bufio"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// checkTiny checks a source of one row by the configuration that is the input.
var checkTiny = []string{"check", "--config", "a.yaml", "--source", "tiny.csv"}

func settings(name string, each int, fill func(w *bufio.Writer, n int)) input {
	return input{name: "settings: " + name, file: "a.yaml", size: 1_000_000, each: each, args: checkTiny, fill: fill, short: slices.Contains(shortSettings, name)}
}

// shortSettings are those of the short form.
var shortSettings = []string{"brackets", "aliases of aliases", "a long list", "expression: doubling a text", "expression: loops"}

func lines(before, each, after string) func(w *bufio.Writer, n int) {
	return func(w *bufio.Writer, n int) {
		w.WriteString(before)
		repeat(w, n, each)
		w.WriteString(after)
	}
}

// numbered is as lines, with a number in each.
func numbered(before, each, after string) func(w *bufio.Writer, n int) {
	return func(w *bufio.Writer, n int) {
		w.WriteString(before)
		number(w, n, each)
		w.WriteString(after)
	}
}

// configurations are hostile configurations. The number of bytes is that of what the
// program reads of them.
var configurations = []input{
	settings("brackets", 1, lines("", "[", "")),
	settings("braces", 1, lines("", "{", "")),
	settings("lists in lists", 2, lines("", "- ", "")),
	settings("sections in sections", 3, lines("", "a: ", "1")),
	settings("questions", 2, lines("", "? ", "")),
	settings("indented", 1000, func(w *bufio.Writer, n int) {
		for i := range n {
			w.WriteString(strings.Repeat(" ", i) + "a:\n")
		}
	}),
	settings("a long list", 8, numbered("source: {null_values: [", "n%d,", "x]}")),
	settings("a long list of paths", 16, numbered("source:\n  paths:\n", "  - a%d.csv\n", "")),
	settings("globs", 17, numbered("source:\n  paths:\n", "  - a%d*.csv\n", "")),
	settings("fields", 20, numbered("mapping:\n  fields:\n", "    f%d: email\n", "")),
	settings("contact ids", 12, lines("mapping:\n  contact_ids:\n", "    - email\n", "")),
	settings("columns", 2, lines("mapping:\n  fields:\n    age: {columns: [", "a,", "b], optional: true}\n")),
	settings("keys that are none", 12, numbered("", "k%d: 1\n", "")),
	settings("documents", 4, lines("", "---\n", "")),
	settings("anchors", 11, numbered("a: [", "&a%d 1,", "1]")),
	settings("aliases", 3, lines("a: &b 1\nc: [", "*b,", "1]")),
	settings("aliases of aliases", 1<<20, func(w *bufio.Writer, n int) {
		w.WriteString("source:\n  null_values:\n  - &a0 [x,x,x,x,x,x,x,x,x,x]\n")
		for i := range 20 {
			fmt.Fprintf(w, "  - &a%d [%s]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 10))
		}
	}),
	settings("an alias of itself", 1<<20, lines("source: &a\n  null_values: [*a]\n", "", "")),
	settings("a long text", 1, lines("mode: ", "x", "")),
	settings("a quote never closed", 2, lines("mode: \"", "x\n", "")),
	settings("escapes", 6, lines("mode: \"", "\\u0041", "\"")),
	settings("comments", 2, lines("", "#\n", "")),
	settings("a comment", 1, lines("#", "x", "")),
	{name: "settings: ten times too long", file: "a.yaml", each: 1, args: checkTiny, fill: lines("#", "x", "")},
	expression("doubling a text", 1, func(n int) string {
		code := "let a0 = row.email;"
		for i := range 30 {
			code += fmt.Sprintf("let a%d = a%d + a%[2]d;", i+1, i)
		}
		return code + "a30"
	}),
	expression("loops", 1, func(n int) string { return `let a = 1..1000; string(all(a, all(a, all(a, all(a, # > 0)))))` }),
	expression("a long one", 14, func(n int) string { return strings.Repeat("row.email + ", n) + "row.email" }),
	expression("brackets", 1, func(n int) string { return strings.Repeat("(", n) }),
	expression("lists", 1, func(n int) string { return strings.Repeat("[", n) }),
	expression("signs", 1, func(n int) string { return strings.Repeat("-", n) + "1" }),
	expression("a pattern", 8, func(n int) string { return `row.email matches "` + strings.Repeat("(x{900})", min(n, 1800)) + `"` }),
}

func expression(name string, each int, code func(n int) string) input {
	return settings("expression: "+name, each, func(w *bufio.Writer, n int) {
		w.WriteString("mapping:\n  fields:\n    firstname:\n      expr: '" + code(n) + "'\n")
	})
}

func report(name string, each int, command []string, fill func(w *bufio.Writer, n int)) input {
	return input{name: "report: " + name, file: "a.report.ndjson", each: each, args: command, short: strings.HasPrefix(name, "traffic"), fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"kind":"run","run":"01M8C8A86H0WPQ479XBM025HG6","at":"2026-11-26T15:41:47.612Z","version":"(devel)","mode":"create","sources":["a.csv"],"base_url":"http://127.0.0.1:1","project_id":"65f0000000000000000000aa","id_rule":2}` + "\n")
		fill(w, n)
	}}
}

func created(w *bufio.Writer, i int) {
	key := base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint64(make([]byte, 8), uint64(i+1)))
	fmt.Fprintf(w, `{"kind":"sending","keys":["%s"],"at":"2026-11-26T15:41:47.635Z"}`+"\n", key)
	fmt.Fprintf(w, `{"kind":"row","key":"%s","digest":"9zvcCsQTMusN8_gsV2IX2g","source":"a.csv","line":%d,"row":%d,"contactIds":["a%d@example.com"],"status":"created","_id":"%024x","attempts":1,"at":"2026-11-26T15:41:47.638Z"}`+"\n", key, i+2, i+1, i, i)
}

func createdLines(w *bufio.Writer, n int) {
	for i := range n {
		created(w, i)
	}
}

const runLine = `{"kind":"run","run":"01M8C8A86H0WPQ479XBM%06d","at":"2026-11-26T15:41:47.612Z","version":"(devel)","mode":"create","sources":["a.csv"],"base_url":"http://127.0.0.1:1","project_id":"65f0000000000000000000aa","id_rule":2}` + "\n"

const invalidLine = `{"kind":"row","source":"a.csv","line":3,"row":2,"status":"invalid","error":{"field":"f%d","detail":"d%[1]d","hint":"h%[1]d"},"attempts":0,"at":"2026-11-26T15:41:47.633Z"}` + "\n"

var (
	reportText   = []string{"report", "a.report.ndjson"}
	reportCSV    = []string{"report", "a.report.ndjson", "--format", "csv"}
	reportHTML   = []string{"report", "a.report.ndjson", "--format", "html"}
	reportJSON   = []string{"report", "a.report.ndjson", "--json"}
	verifyReport = []string{"verify", "a.report.ndjson", "--retries", "0"}
	undoReport   = []string{"undo", "a.report.ndjson", "--yes", "--retries", "0"}
)

// reports are hostile reports.
var reports = []input{
	report("lines", 320, reportText, createdLines),
	report("lines as CSV", 320, reportCSV, createdLines),
	report("lines as HTML", 320, reportHTML, createdLines),
	report("lines as JSON", 320, reportJSON, createdLines),
	report("lines that are verified", 320, verifyReport, createdLines),
	report("lines that are undone", 320, undoReport, createdLines),
	report("many reasons", 170, reportHTML, numbered("", invalidLine, "")),
	report("many reasons as text", 170, reportText, numbered("", invalidLine, "")),
	report("one long line", 1, reportText, lines(`{"kind":"row","x":"`, "x", "\"}\n")),
	report("a line nested deeply", 2, reportText, func(w *bufio.Writer, n int) {
		w.WriteString(`{"kind":"row","x":`)
		repeat(w, min(n, 900_000), "[")
		w.WriteString("\n")
	}),
	report("keys of one line", 25, reportText, func(w *bufio.Writer, n int) {
		w.WriteString(`{"kind":"sending","at":"2026-11-26T15:41:47.635Z","keys":["AAAAAAAAAAAAAAAAAAAAAA"`)
		repeat(w, min(n, 80_000), `,"AAAAAAAAAAAAAAAAAAAAAA"`)
		w.WriteString("]}\n")
	}),
	report("blank lines", 1, reportText, lines("", "\n", "")),
	report("unknown kinds", 24, reportText, numbered("", `{"kind":"k%d","at":"2026-11-26T15:41:47.635Z"}`+"\n", "")),
	report("runs", 230, reportHTML, numbered("", runLine, "")),
	report("traffic", 200, reportHTML, numbered("", `{"kind":"traffic","from":"2026-11-26T15:41:47.612Z","at":"2026-11-26T15:41:47.638Z","requests":[{"op":"o%d","code":201,"n":1}],"latency_ms":[[0.%[1]d,1]]}`+"\n", "")),
	report("traffic over a long time", 200, reportHTML, numbered("", `{"kind":"traffic","from":"0001-01-01T00:00:00.000Z","at":"9999-11-26T15:41:47.638Z","requests":[{"op":"create","code":201,"n":%d}],"latency_ms":[[1e300,1]]}`+"\n", "")),
	report("sources", 20, reportText, func(w *bufio.Writer, n int) {
		w.WriteString(`{"kind":"run","run":"01M8C8A86H0WPQ479XBM000000","at":"2026-11-26T15:41:47.612Z","mode":"create","sources":["a.csv"`)
		number(w, min(n, 100_000), `,"s%d.csv"`)
		w.WriteString(`],"base_url":"http://127.0.0.1:1","project_id":"65f0000000000000000000aa","id_rule":2}` + "\n")
	}),
}
