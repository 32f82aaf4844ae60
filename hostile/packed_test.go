//go:build linux

package hostile

import (
	"bufio"
	"fmt"
	"strings"
)

// packed are hostile inputs that hold more than they are long.
var packed = []input{
	{name: "gz: one long line", file: "a.csv.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",")
		repeat(w, 6*n, "xxxxxxxxxx")
		w.WriteString("\n")
	}},
	{name: "gz: long rows", file: "a.csv.gz", each: 1, short: true, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,x\n")
		for i := range 1 + n/20_000 {
			fmt.Fprintf(w, "a%d@example.com,", i)
			repeat(w, 1_500_000, "xxxxxxxxxx")
			w.WriteString("\n")
		}
	}},
	{name: "gz: long rows that are refused", file: "a.csv.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,x\n")
		for range 1 + n/20_000 {
			w.WriteString("no,")
			repeat(w, 1_500_000, "xxxxxxxxxx")
			w.WriteString("\n")
		}
	}},
	{name: "gz: long objects", file: "a.ndjson.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		for i := range 1 + n/20_000 {
			fmt.Fprintf(w, `{"email":"a%d@example.com","x":"`, i)
			repeat(w, 1_500_000, "xxxxxxxxxx")
			w.WriteString("\"}\n")
		}
	}},
	{name: "gz: a long object in an array", file: "a.json.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("[")
		for i := range 1 + n/20_000 {
			fmt.Fprintf(w, `{"email":"a%d@example.com","x":"`, i)
			repeat(w, 1_500_000, "xxxxxxxxxx")
			w.WriteString("\"},")
		}
		w.WriteString("{}]")
	}},
	{name: "gz: blank lines in a quote", file: "a.csv.gz", each: 1, short: true, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",\"x\n")
		repeat(w, 20*n, "\n")
		w.WriteString("ada2@example.com,y\n")
	}},
	{name: "gz: blank lines with space in a quote", file: "a.csv.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",\"x\n")
		repeat(w, 10*n, " \n")
		w.WriteString("ada2@example.com,y\n")
	}},
	{name: "gz: blank lines, and a quote behind them", file: "a.csv.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, 20*n, "\n")
		w.WriteString("ada2@example.com,\"y\n")
		repeat(w, 20*n, "\n")
	}},
	{name: "gz: lines of quotes", file: "a.csv.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, 8*n, "\"\n")
	}},
	{name: "gz: quotes far from each other", file: "a.csv.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		for range 20 {
			w.WriteString("a,\"b\"c\"\n")
			repeat(w, n, "\n")
		}
	}},
	{name: "gz: blank lines and wrong rows", file: "a.csv.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,firstname\n" + someone + ",x\n")
		repeat(w, 2*n, "\n\n\nx,\n")
	}},
	{name: "gz: blank lines of NDJSON", file: "a.ndjson.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("{\"email\":\"" + someone + "\"}\n")
		repeat(w, 20*n, "\n")
	}},
	{name: "gz: space in an array", file: "a.json.gz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("[{\"email\":\"" + someone + "\"},")
		repeat(w, 20*n, " ")
	}},
	{name: "zst: zeros", file: "a.csv.zst", each: 1, fill: func(w *bufio.Writer, n int) { repeat(w, n, strings.Repeat("\x00", 40)) }},
	{name: "zst: rows", file: "a.csv.zst", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,x\n")
		number(w, n/5, "a%d@example.com,xxxxxxxxxx\n")
	}},
	{name: "xz: rows", file: "a.csv.xz", each: 1, fill: func(w *bufio.Writer, n int) {
		w.WriteString("email,x\n")
		number(w, n/10, "a%d@example.com,xxxxxxxxxx\n")
	}},
	{name: "gz: a workbook's worth of gz", file: "a.csv.gz", each: 1, fill: func(w *bufio.Writer, n int) { repeat(w, n, "\x1f\x8b\x08\x00") }},
}
