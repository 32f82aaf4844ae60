//go:build linux

package hostile

import (
	"archive/zip"
	"bufio"
	"fmt"
	"io"
	"strings"
)

// An input is a file that is made to cost much.
type input struct {
	name   string
	file   string                       // its name
	each   int                          // about how many bytes one more of what it has many of takes
	fill   func(w *bufio.Writer, n int) // writes it with n of those
	size   int                          // about how many bytes it has; 0: as many as all
	config string                       // the configuration beside it; empty: none
	args   []string                     // of the command; nil: those of commands
	short  bool                         // it is of the short form as well
}

func repeat(w *bufio.Writer, n int, text string) {
	for range n {
		w.WriteString(text)
	}
}

func number(w *bufio.Writer, n int, format string) {
	for i := range n {
		fmt.Fprintf(w, format, i)
	}
}

const someone = "ada@example.com"

// texts are hostile inputs that are text.
var texts = []input{
	{name: "csv: columns of the header", file: "a.csv", each: 9, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email")
		number(w, n, ",c%07d")
		w.WriteString("\n" + someone + "\n")
	}},
	{name: "csv: one long name of a column", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,")
		repeat(w, n, "x")
		w.WriteString("\n" + someone + ",y\n")
	}},
	{name: "csv: header of known names", file: "a.csv", each: 10, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email")
		repeat(w, min(n, 1999), ",firstname")
		w.WriteString("\n")
		repeat(w, n/2000, someone+strings.Repeat(",x", 1999)+"\n")
	}},
	{name: "csv: fields of a row", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,age\n" + someone)
		repeat(w, n, ",")
		w.WriteString("\n")
	}},
	{name: "csv: fields of a row that hold something", short: true, file: "a.csv", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,age\n" + someone)
		repeat(w, n, ",x")
		w.WriteString("\n")
	}},
	{name: "csv: rows of many empty fields", file: "a.csv", each: 2000, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email")
		number(w, 1999, ",c%d")
		repeat(w, n, "\n"+strings.Repeat(",", 1999))
		w.WriteString("\n")
	}},
	{name: "csv: short rows under a wide header", short: true, file: "a.csv", each: 9, config: "mapping: {unnamed: custom}\n", fill: func(w *bufio.Writer, n int) {
		w.WriteString("email")
		number(w, 1999, ",c%d")
		w.WriteString("\n")
		number(w, n, "a@b.c%d\n")
	}},
	{name: "csv: one long cell", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",")
		repeat(w, n, "x")
		w.WriteString("\n")
	}},
	{name: "csv: one long id", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("contactIds,firstname\n")
		repeat(w, n, "x")
		w.WriteString(",y\n")
	}},
	{name: "csv: quote never closed", file: "a.csv", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",\"")
		repeat(w, n, "x\n")
	}},
	{name: "csv: quotes never closed", short: true, file: "a.csv", each: 21, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n")
		repeat(w, n, someone+",\"a\"b\"\n")
		w.WriteString("\"\n")
	}},
	{name: "csv: rows in quotes", file: "a.csv", each: 27, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",\"\n")
		number(w, n, "ada%d@example.com,\"\"x\"\"\n")
		w.WriteString("\"\n")
	}},
	{name: "csv: quotes that open and do not close, and pairs", file: "a.csv", each: 26, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n")
		number(w, n, "\"a%07d@example.com,x\n")
		w.WriteString("\n")
	}},
	{name: "csv: quotes in one row", file: "a.csv", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",\"")
		repeat(w, n, "\"\"")
		w.WriteString("\"\n")
	}},
	{name: "csv: bare quotes in one row", file: "a.csv", each: 3, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x")
		repeat(w, n, "\"x,")
		w.WriteString("\n")
	}},
	{name: "csv: NUL", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, n, "\x00")
		w.WriteString("\n")
	}},
	{name: "csv: lines of NUL", file: "a.csv", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, n, "\x00\n")
	}},
	{name: "csv: blank lines", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, n, "\n")
		w.WriteString(someone + "m,x\n")
	}},
	{name: "csv: blank lines in a quote", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",\"")
		repeat(w, n, "\n")
		w.WriteString("\"\n")
	}},
	{name: "csv: blank lines with space", file: "a.csv", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, n, " \n")
		w.WriteString(someone + "m,x\n")
	}},
	{name: "csv: carriage returns", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, n, "\r")
		w.WriteString(someone + "m,x\n")
	}},
	{name: "csv: text in the first column behind blank lines", file: "a.csv", each: 4, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, n, "\na,\n")
	}},
	{name: "csv: ids in one cell", file: "a.csv", each: 9, fill: func(w *bufio.Writer, n int) {
		w.WriteString("contactIds,firstname\n")
		number(w, n, "id%06d;")
		w.WriteString("x,y\n")
	}},
	{name: "csv: ids in many cells", file: "a.csv", each: 60 << 10, fill: func(w *bufio.Writer, n int) {
		w.WriteString("contactIds,firstname\n")
		for range n {
			number(w, 6500, "id%06d;")
			w.WriteString("x,y\n")
		}
	}},
	{name: "csv: addresses in one cell", file: "a.csv", each: 16, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n")
		number(w, n, "a%06d@b.com; ")
		w.WriteString(",y\n")
	}},
	{name: "csv: numbers in one cell", file: "a.csv", each: 16, fill: func(w *bufio.Writer, n int) {
		w.WriteString("mobile,firstname\n")
		number(w, n, "+49170%07d; ")
		w.WriteString(",y\n")
	}},
	{name: "csv: signs around an id", file: "a.csv", each: 60 << 10, fill: func(w *bufio.Writer, n int) {
		w.WriteString("contactIds\n")
		repeat(w, n, strings.Repeat("(", 30<<10)+"a"+strings.Repeat(")", 30<<10)+"\n")
	}},
	{name: "csv: list in one cell", file: "a.csv", each: 9, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,tasks\n" + someone + ",")
		number(w, n, "t%07d;")
		w.WriteString("\n")
	}},
	{name: "csv: ids mapped to many columns", file: "a.csv", each: 8, config: "mapping: {contact_ids: [{column: ids, type: list}]}\n", fill: func(w *bufio.Writer, n int) {
		w.WriteString("ids,firstname\n\"[")
		number(w, n, "\"\"i%06d\"\",")
		w.WriteString("\"\"x\"\"]\",y\n")
	}},
	{name: "csv: combining signs", file: "a.csv", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString("contactIds,firstname\n")
		repeat(w, min(n, 30000), "\u0301")
		w.WriteString(",y\na,x")
		repeat(w, n, "\u0301")
		w.WriteString("\n")
	}},
	{name: "csv: long numbers", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,age\n" + someone + ",")
		repeat(w, n, "9")
		w.WriteString("\n")
	}},
	{name: "csv: a number with an exponent", file: "a.csv", each: 40, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,age\n")
		number(w, n, "a%d@example.com,1e999999999\n")
	}},
	{name: "csv: many wrong rows", file: "a.csv", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n")
		repeat(w, n, "x\n")
	}},
	{name: "csv: many rows", file: "a.csv", each: 18, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n")
		number(w, n, "a%d@example.com,x\n")
	}},
	{name: "csv: invalid characters", file: "a.csv", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",äöü")
		repeat(w, n, "\xff")
		w.WriteString("\n")
	}},
	{name: "csv: high bytes", file: "a.csv", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",\xe4\xe4\n")
		repeat(w, n, "\xe4\xf6")
		w.WriteString("\n")
	}},
	{name: "csv: UTF-7", file: "a.csv", each: 6, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, n, "a+AAAA")
		w.WriteString("\n")
	}},
	{name: "ndjson: nested members", short: true, file: "a.ndjson", each: 6, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","x":`)
		repeat(w, n, `{"a":`)
		w.WriteString("1")
		repeat(w, n, "}")
		w.WriteString("}\n")
	}},
	{name: "ndjson: members nested 9000 deep, with long names", file: "a.ndjson", each: 1100, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","x":`)
		repeat(w, n, `{"`+strings.Repeat("a", 1000)+`":`)
		w.WriteString("1")
		repeat(w, n, "}")
		w.WriteString("}\n")
	}},
	{name: "ndjson: members in ten levels, with long names", short: true, file: "a.ndjson", each: 6, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","x":`)
		repeat(w, 9, `{"`+strings.Repeat("a", 100000)+`":`)
		w.WriteString(`{"z":1`)
		number(w, n, `,"b%d":1`)
		repeat(w, 10, "}")
		w.WriteString("}\n")
	}},
	{name: "ndjson: nested arrays", file: "a.ndjson", each: 2, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","x":`)
		repeat(w, n, "[")
		repeat(w, n, "]")
		w.WriteString("}\n")
	}},
	{name: "ndjson: only brackets", file: "a.ndjson", each: 1, fill: func(w *bufio.Writer, n int) { repeat(w, n, "[") }},
	{name: "ndjson: only braces", file: "a.ndjson", each: 5, fill: func(w *bufio.Writer, n int) { repeat(w, n, `{"a":`) }},
	{name: "ndjson: members", file: "a.ndjson", each: 12, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `"`)
		number(w, n, `,"m%06d":1`)
		w.WriteString("}\n")
	}},
	{name: "ndjson: members, custom", short: true, file: "a.ndjson", each: 12, config: "mapping: {unnamed: custom}\n", fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `"`)
		number(w, n, `,"m%06d":1`)
		w.WriteString("}\n")
	}},
	{name: "ndjson: members of a profile", file: "a.ndjson", each: 12, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"contactIds":["` + someone + `"],"profile":{"firstname":"x"`)
		number(w, n, `,"m%06d":1`)
		w.WriteString("}}\n")
	}},
	{name: "ndjson: other members in each line", file: "a.ndjson", each: 50, config: "mapping: {unnamed: custom}\n", fill: func(w *bufio.Writer, n int) {
		for i := range n {
			fmt.Fprintf(w, "{\"email\":\"a%d@example.com\",\"m%d\":1,\"q%d\":\"x\"}\n", i, i, i)
		}
	}},
	{name: "ndjson: other ignored members in each line", file: "a.ndjson", each: 50, fill: func(w *bufio.Writer, n int) {
		for i := range n {
			fmt.Fprintf(w, "{\"email\":\"a%d@example.com\",\"m%d\":1,\"q%d\":\"x\"}\n", i, i, i)
		}
	}},
	{name: "ndjson: members of known names", file: "a.ndjson", each: 16, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `"`)
		for i := range n {
			fmt.Fprintf(w, `,"%semail%s":"x"`, strings.Repeat(" ", i%1000), strings.Repeat(" ", i/1000))
		}
		w.WriteString("}\n")
	}},
	{name: "ndjson: members twice", file: "a.ndjson", each: 6, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `"`)
		repeat(w, n, `,"m":1`)
		w.WriteString("}\n")
	}},
	{name: "ndjson: one long name", file: "a.ndjson", each: 1, config: "mapping: {unnamed: custom}\n", fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","`)
		repeat(w, n, `m`)
		w.WriteString("\":1}\n")
	}},
	{name: "ndjson: one long text", file: "a.ndjson", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","firstname":"`)
		repeat(w, n, `m`)
		w.WriteString("\"}\n")
	}},
	{name: "ndjson: one long text of escapes", file: "a.ndjson", each: 6, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","firstname":"`)
		repeat(w, n, `\u0001`)
		w.WriteString("\"}\n")
	}},
	{name: "ndjson: one long number", short: true, file: "a.ndjson", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","age":`)
		repeat(w, n, `9`)
		w.WriteString("}\n")
	}},
	{name: "ndjson: one long number, custom", file: "a.ndjson", each: 1, config: "mapping: {unnamed: custom, fields: {shoe: {column: shoe, type: number}}}\n", fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + `","shoe":0.`)
		repeat(w, n, `9`)
		w.WriteString("e999999999}\n")
	}},
	{name: "ndjson: ids in a list", file: "a.ndjson", each: 11, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"contactIds":[`)
		number(w, n, `"id%06d",`)
		w.WriteString("\"x\"]}\n")
	}},
	{name: "ndjson: tasks", file: "a.ndjson", each: 11, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"contactIds":["a"],"tasks":[`)
		number(w, n, `"id%06d",`)
		w.WriteString("\"x\"]}\n")
	}},
	{name: "ndjson: memories", file: "a.ndjson", each: 24, config: "mapping: {fields: {contact_memories: {column: m, type: memory, timestamp: 2026-01-31T09:00:00Z}}}\n", fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"contactIds":["a"],"m":[`)
		number(w, n, `"id%06d",`)
		w.WriteString("\"x\"]}\n")
	}},
	{name: "ndjson: blank lines", file: "a.ndjson", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"email":"` + someone + "\"}\n")
		repeat(w, n, "\n")
	}},
	{name: "ndjson: empty objects", file: "a.ndjson", each: 3, fill: func(w *bufio.Writer, n int) { repeat(w, n, "{}\n") }},
	{name: "ndjson: wrong lines", file: "a.ndjson", each: 2, fill: func(w *bufio.Writer, n int) { w.WriteString("{\"email\":1}\n"); repeat(w, n, "x\n") }},
	{name: "json: array in one line", short: true, file: "a.json", each: 30, fill: func(w *bufio.Writer, n int) {
		w.WriteString("[")
		number(w, n, `{"email":"a%d@example.com"},`)
		w.WriteString(`{"email":"` + someone + "\"}]\n")
	}},
	{name: "json: array of empty objects", file: "a.json", each: 3, fill: func(w *bufio.Writer, n int) {
		w.WriteString("[")
		repeat(w, n, `{},`)
		w.WriteString("{}]\n")
	}},
	{name: "json: space in an array", file: "a.json", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`[{"email":"` + someone + `"},`)
		repeat(w, n, " ")
		w.WriteString("{}]\n")
	}},
	{name: "json: lists in an object", file: "a.json", each: 20, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"x":1`)
		number(w, n, `,"l%d":{"a":{"b":[1]}}`)
		w.WriteString("}\n")
	}},
	{name: "json: objects in an object", file: "a.json", each: 20, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"x":1`)
		number(w, n, `,"l%d":{}`)
		w.WriteString("}\n")
	}},
	{name: "json: nested objects", file: "a.json", each: 6, fill: func(w *bufio.Writer, n int) {
		repeat(w, n, `{"a":`)
		w.WriteString("1")
		repeat(w, n, "}")
	}},
	{name: "json: a member before the list", file: "a.json", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString(`{"x":"`)
		repeat(w, min(n, 900_000), "x")
		w.WriteString(`","list":[{"email":"` + someone + `"}],"z":"`)
		repeat(w, n, "x")
		w.WriteString(`"}`)
	}},
	{name: "json: one object behind the other", file: "a.json", each: 30, fill: func(w *bufio.Writer, n int) {
		number(w, n, "{\n\"email\":\"a%d@example.com\"}")
	}},
}

// sheet writes a workbook of one sheet, whose rows fill writes; strings are its shared
// texts as XML, and formats those of its cells.
func sheet(w io.Writer, level int, formats, shared func(w *bufio.Writer), fill func(w *bufio.Writer)) {
	z := zip.NewWriter(w)
	part := func(name string, write func(w *bufio.Writer)) {
		p, _ := z.Create(name)
		b := bufio.NewWriter(p)
		write(b)
		b.Flush()
	}
	text := func(s string) func(w *bufio.Writer) { return func(w *bufio.Writer) { w.WriteString(s) } }
	const officeDocument = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	part("[Content_Types].xml", text(`<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"></Types>`))
	part("_rels/.rels", text(`<Relationships><Relationship Id="r1" Type="`+officeDocument+`/officeDocument" Target="xl/workbook.xml"/></Relationships>`))
	part("xl/workbook.xml", text(`<workbook xmlns:r="`+officeDocument+`"><sheets><sheet name="S" sheetId="1" r:id="r1"/></sheets></workbook>`))
	part("xl/_rels/workbook.xml.rels", text(`<Relationships><Relationship Id="r1" Type="`+officeDocument+`/worksheet" Target="s.xml"/>`+
		`<Relationship Id="r2" Type="`+officeDocument+`/sharedStrings" Target="t.xml"/><Relationship Id="r3" Type="`+officeDocument+`/styles" Target="f.xml"/></Relationships>`))
	if shared == nil {
		shared = text("")
	}
	if formats == nil {
		formats = text(`<cellXfs><xf numFmtId="0"/></cellXfs>`)
	}
	part("xl/t.xml", func(w *bufio.Writer) { w.WriteString("<sst>"); shared(w); w.WriteString("</sst>") })
	part("xl/f.xml", func(w *bufio.Writer) { w.WriteString("<styleSheet>"); formats(w); w.WriteString("</styleSheet>") })
	part("xl/s.xml", func(w *bufio.Writer) {
		w.WriteString("<worksheet><sheetData>")
		fill(w)
		w.WriteString("</sheetData></worksheet>")
	})
	z.Close()
}

func inline(s string) string { return `<c t="inlineStr"><is><t>` + s + `</t></is></c>` }

var bookHead = "<row>" + inline("email") + inline("firstname") + "</row>"

// books are hostile workbooks.
var books = []input{
	{name: "workbook: cells of a row", file: "a.xlsx", each: 4, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) {
			w.WriteString(bookHead + "<row>")
			repeat(w, n, "<c/>")
			w.WriteString("</row>")
		})
	}},
	{name: "workbook: cells of the header", file: "a.xlsx", each: 37, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) {
			w.WriteString("<row>")
			repeat(w, min(n, 16384), inline("x"))
			w.WriteString("</row>")
		})
	}},
	{name: "workbook: cells at XFD", short: true, file: "a.xlsx", each: 30, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) {
			w.WriteString(`<row r="1">` + inline("email") + inline("firstname") + "</row>")
			for i := range min(n, 1<<20-1) {
				fmt.Fprintf(w, `<row r="%d"><c r="XFD%d"><v>1</v></c></row>`, i+2, i+2)
			}
		})
	}},
	{name: "workbook: cells at XFD, empty, and the header below", file: "a.xlsx", each: 30, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) {
			for i := range 40 {
				fmt.Fprintf(w, `<row r="%d"><c r="A%d"><v>1</v></c><c r="XFD%d"><v>1</v></c></row>`, i+2, i+2, i+2)
			}
		})
	}},
	{name: "workbook: rows of blank cells", file: "a.xlsx", each: 36, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) {
			w.WriteString(bookHead)
			repeat(w, n/1000, "<row>"+strings.Repeat(inline(" "), 1000)+"</row>")
		})
	}},
	{name: "workbook: empty rows", file: "a.xlsx", each: 6, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) { w.WriteString(bookHead); repeat(w, min(n, 1<<20-1), "<row/>") })
	}},
	{name: "workbook: a shared text in many cells", file: "a.xlsx", each: 30, fill: func(w *bufio.Writer, n int) {
		long := func(w *bufio.Writer) {
			w.WriteString("<si><t>")
			repeat(w, 100<<10, "x")
			w.WriteString("</t></si>")
		}
		sheet(w, 0, nil, long, func(w *bufio.Writer) {
			w.WriteString(bookHead)
			repeat(w, n/100, "<row>"+strings.Repeat(`<c t="s"><v>0</v></c>`, 100)+"</row>")
		})
	}},
	{name: "workbook: a shared text with escapes in many cells", short: true, file: "a.xlsx", each: 30, fill: func(w *bufio.Writer, n int) {
		long := func(w *bufio.Writer) {
			w.WriteString("<si><t>")
			repeat(w, 14<<10, "_x0041_")
			w.WriteString("</t></si>")
		}
		sheet(w, 0, nil, long, func(w *bufio.Writer) {
			w.WriteString(bookHead)
			repeat(w, n/2, "<row>"+strings.Repeat(`<c t="s"><v>0</v></c>`, 2)+"</row>")
		})
	}},
	{name: "workbook: a shared text shown many times", short: true, file: "a.xlsx", each: 30, fill: func(w *bufio.Writer, n int) {
		long := func(w *bufio.Writer) {
			w.WriteString("<si><t>")
			repeat(w, 100<<10, "x")
			w.WriteString("</t></si>")
		}
		format := func(w *bufio.Writer) {
			w.WriteString(`<numFmts><numFmt numFmtId="200" formatCode="` + strings.Repeat("@", 250) + `"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="200"/></cellXfs>`)
		}
		sheet(w, 0, format, long, func(w *bufio.Writer) {
			w.WriteString(bookHead)
			repeat(w, n/100, "<row>"+strings.Repeat(`<c t="s" s="1"><v>0</v></c>`, 100)+"</row>")
		})
	}},
	{name: "workbook: a shared text shown once more", file: "a.xlsx", each: 30, fill: func(w *bufio.Writer, n int) {
		long := func(w *bufio.Writer) {
			w.WriteString("<si><t>")
			repeat(w, 10<<10, "x")
			w.WriteString("</t></si>")
		}
		format := func(w *bufio.Writer) {
			w.WriteString(`<numFmts><numFmt numFmtId="200" formatCode="@-"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="200"/></cellXfs>`)
		}
		sheet(w, 0, format, long, func(w *bufio.Writer) {
			w.WriteString(bookHead)
			repeat(w, n/1000, "<row>"+strings.Repeat(`<c t="s" s="1"><v>0</v></c>`, 1000)+"</row>")
		})
	}},
	{name: "workbook: shared texts", file: "a.xlsx", each: 26, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, func(w *bufio.Writer) { number(w, n, "<si><t>t%07d</t></si>") }, func(w *bufio.Writer) { w.WriteString(bookHead) })
	}},
	{name: "workbook: empty shared texts", file: "a.xlsx", each: 5, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, func(w *bufio.Writer) { repeat(w, n*8, "<si/>") }, func(w *bufio.Writer) { w.WriteString(bookHead) })
	}},
	{name: "workbook: long shared texts", file: "a.xlsx", each: 1, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, func(w *bufio.Writer) { repeat(w, n/500, "<si><t>"+strings.Repeat("x", 100<<10)+"</t></si>") }, func(w *bufio.Writer) { w.WriteString(bookHead) })
	}},
	{name: "workbook: attributes", file: "a.xlsx", each: 7, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) {
			w.WriteString(bookHead + "<row")
			number(w, n, ` a%d="1"`)
			w.WriteString("></row>")
		})
	}},
	{name: "workbook: rows of attributes", file: "a.xlsx", each: 7, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) {
			w.WriteString(bookHead)
			for range 1 + n/100000 {
				w.WriteString("<row><c")
				repeat(w, 100000, ` a="1"`)
				w.WriteString("></c></row>")
			}
		})
	}},
	{name: "workbook: a long attribute", file: "a.xlsx", each: 1, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) { w.WriteString(bookHead + `<row x="`); repeat(w, n, "x"); w.WriteString(`"/>`) })
	}},
	{name: "workbook: nested elements", file: "a.xlsx", each: 3, fill: func(w *bufio.Writer, n int) {
		sheet(w, 0, nil, nil, func(w *bufio.Writer) { w.WriteString(bookHead + "<extLst>"); repeat(w, n, "<a>") })
	}},
	{name: "workbook: long cells", short: true, file: "a.xlsx", each: 1, fill: func(w *bufio.Writer, n int) {
		cell := inline(strings.Repeat("x", 100<<10))
		sheet(w, 0, nil, nil, func(w *bufio.Writer) { w.WriteString(bookHead); repeat(w, n/1000, "<row>"+cell+cell+"</row>") })
	}},
	{name: "workbook: long numbers", file: "a.xlsx", each: 1, fill: func(w *bufio.Writer, n int) {
		cell := "<c><v>" + strings.Repeat("9", 100<<10) + "</v></c>"
		sheet(w, 0, nil, nil, func(w *bufio.Writer) { w.WriteString(bookHead); repeat(w, n/5000, "<row>"+cell+cell+"</row>") })
	}},
	{name: "workbook: long fractions", file: "a.xlsx", each: 1, fill: func(w *bufio.Writer, n int) {
		cell := "<c><v>0." + strings.Repeat("3", 100<<10) + "</v></c>"
		sheet(w, 0, nil, nil, func(w *bufio.Writer) { w.WriteString(bookHead); repeat(w, n/5000, "<row>"+cell+cell+"</row>") })
	}},
	{name: "workbook: numbers with exponents", file: "a.xlsx", each: 30, fill: func(w *bufio.Writer, n int) {
		format := func(w *bufio.Writer) {
			w.WriteString(`<numFmts><numFmt numFmtId="200" formatCode="0.` + strings.Repeat("0", 250) + `"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="200"/></cellXfs>`)
		}
		sheet(w, 0, format, nil, func(w *bufio.Writer) {
			w.WriteString(bookHead)
			repeat(w, n, `<row><c s="1"><v>1e300</v></c><c s="1"><v>1e-300</v></c></row>`)
		})
	}},
	{name: "workbook: formats", file: "a.xlsx", each: 20, fill: func(w *bufio.Writer, n int) {
		format := func(w *bufio.Writer) {
			w.WriteString("<cellXfs>")
			repeat(w, n, `<xf numFmtId="0"/>`)
			w.WriteString("</cellXfs>")
		}
		sheet(w, 0, format, nil, func(w *bufio.Writer) { w.WriteString(bookHead) })
	}},
	{name: "workbook: codes of formats", file: "a.xlsx", each: 300, fill: func(w *bufio.Writer, n int) {
		format := func(w *bufio.Writer) {
			w.WriteString("<numFmts>")
			number(w, n, `<numFmt numFmtId="%d" formatCode="`+strings.Repeat("0;", 100)+`"/>`)
			w.WriteString("</numFmts>")
		}
		sheet(w, 0, format, nil, func(w *bufio.Writer) { w.WriteString(bookHead) })
	}},
	{name: "workbook: parts", file: "a.xlsx", each: 120, fill: func(w *bufio.Writer, n int) {
		z := zip.NewWriter(w)
		for i := range n {
			z.Create(fmt.Sprintf("p%d", i))
		}
		z.Close()
	}},
	{name: "workbook: sheets", file: "a.xlsx", each: 100, fill: func(w *bufio.Writer, n int) {
		z := zip.NewWriter(w)
		const officeDocument = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
		p, _ := z.Create("_rels/.rels")
		io.WriteString(p, `<Relationships><Relationship Id="r1" Type="`+officeDocument+`/officeDocument" Target="xl/workbook.xml"/></Relationships>`)
		p, _ = z.Create("xl/workbook.xml")
		b := bufio.NewWriter(p)
		b.WriteString(`<workbook xmlns:r="` + officeDocument + `"><sheets>`)
		for i := range n {
			fmt.Fprintf(b, `<sheet name="S%d" sheetId="%d" r:id="r1"/>`, i, i)
		}
		b.WriteString(`</sheets></workbook>`)
		b.Flush()
		p, _ = z.Create("xl/_rels/workbook.xml.rels")
		io.WriteString(p, `<Relationships><Relationship Id="r1" Type="`+officeDocument+`/worksheet" Target="s.xml"/></Relationships>`)
		p, _ = z.Create("xl/s.xml")
		io.WriteString(p, `<worksheet><sheetData>`+bookHead+`</sheetData></worksheet>`)
		z.Close()
	}},
}
