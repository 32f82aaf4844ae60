package source

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"

	"importer/internal/growth"
)

// Files that are alike are compared with few others, and each is told of once.
func TestManyFiles(t *testing.T) {
	dir := t.TempDir()
	var paths []place
	for i := range 800 {
		path := filepath.Join(dir, fmt.Sprintf("%d.csv", i))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, place{path: path})
	}
	growth.Check(t, len(paths)/4, func(n int) {
		kept, notices := once(append(paths[:n:n], paths[0], paths[n-1]))
		if len(kept) != n || len(notices) != 2 || !strings.Contains(notices[1].Text, paths[n-1].path) {
			t.Fatalf("%d kept, %v", len(kept), notices)
		}
	})
}

// A row of more fields than any table has is refused before it is taken apart, and what
// follows is read. Delimiters in a quoted field are no fields.
func TestManyFields(t *testing.T) {
	many := strings.Repeat(",", maxFields)
	for name, tt := range map[string]struct {
		row     string
		refused bool
	}{
		"empty fields":             {"a@example.com" + many, true},
		"one less":                 {"a@example.com" + many[1:], false},
		"behind quotes":            {`"a@example.com"` + many, true},
		"in quotes":                {`a@example.com,"` + many + many + `"`, false},
		"a quote inside a field":   {`a@example.com,x"` + many + many, true},
		"a quote that goes astray": {`"a@example.com"x` + many + many, true},
	} {
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, []byte("email,x\n"+tt.row+"\nb@example.com,x\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(Options{Paths: []string{path}})
		if err != nil {
			t.Fatal(err)
		}
		var refused []string
		rows := 0
		for _, err := range in.Rows() {
			if rows++; err != nil {
				refused = append(refused, err.Error())
			}
		}
		if err := in.Close(); err != nil {
			t.Fatal(err)
		}
		if rows != 2 || tt.refused != (len(refused) == 1 && strings.Contains(refused[0], "more than 131072 fields") && strings.Contains(refused[0], ":2: ")) {
			t.Errorf("%s: %d rows, %.200q", name, rows, refused)
		}
	}
}

// A file that says it takes a window of gigabytes to unpack it is refused, though it is short.
func TestWindowOfXZ(t *testing.T) {
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("email\na@example.com\n")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	open := func(window byte) error {
		text := bytes.Clone(packed.Bytes())
		header := text[12 : 12+4*(int(text[12])+1)] // of the first block
		header[4] = window
		binary.LittleEndian.PutUint32(header[len(header)-4:], crc32.ChecksumIEEE(header[:len(header)-4]))
		path := filepath.Join(t.TempDir(), "a.csv.xz")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		in, err := Open(Options{Paths: []string{path}})
		if err != nil {
			return err
		}
		defer in.Close()
		for _, err := range in.Rows() {
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := open(28); err != nil { // 64 MiB: xz -9
		t.Error(err)
	}
	if err := open(40); err == nil || !strings.Contains(err.Error(), "takes more than 128 MiB of memory to unpack") {
		t.Errorf("4 GiB: %v", err)
	}
}
