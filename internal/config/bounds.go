package config

import (
	"io"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/scanner"
	"github.com/goccy/go-yaml/token"
)

// What a configuration may hold. The parser of YAML takes a multiple of it in memory, and
// of what is nested in time.
const (
	maxFile   = 1 << 20 // bytes
	maxDepth  = 64      // lists and sections within each other
	maxTokens = 50_000  // words and signs
	maxValues = 100_000 // with each alias (*name) counted as all that it stands for
)

// read reads a file of settings that is no longer than it may be.
func read(path string, open func(string) (*os.File, error)) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing to lose
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = Errorf("%s is longer than %d MiB, which no file of settings needs: is it another file?", path, maxFile>>20)
	}
	return text, err
}

// checkBounds looks whether a text may be given to the parser of YAML.
func checkBounds(path string, text []byte) error {
	line, reason := 1, tooMany
	if signs(text) < 4*maxTokens { // the scanner of YAML takes it apart as a whole
		line, reason = beyond(string(text))
	}
	if reason == "" {
		file, err := parser.ParseBytes(text, 0)
		if err != nil {
			return nil // decoding it tells what is wrong, and shows the line
		}
		if line = expandsAt(file); line > 0 {
			reason = "its aliases stand for too many values: write them out, or take some out"
		}
	}
	if reason == "" {
		return nil
	}
	return Errorf("%s:%d: %s", path, line, reason)
}

const tooMany = "it holds more than 50,000 words and signs, which no configuration needs"

// signs is how many bytes of a text may be a word of YAML by themselves.
func signs(text []byte) (n int) {
	for _, c := range text {
		if strings.IndexByte("[]{},:-?*&!#", c) >= 0 {
			n++
		}
	}
	return n
}

// beyond finds where a text goes beyond what the parser of YAML may see, word by word.
func beyond(text string) (line int, reason string) {
	var s scanner.Scanner
	s.Init(text)
	flow, count := 0, 0
	var columns []int // at which the lists and sections began that are open in blocks
	for {
		tokens, err := s.Scan()
		for _, t := range tokens {
			count++
			switch t.Type {
			case token.SequenceStartType, token.MappingStartType:
				flow++
			case token.SequenceEndType, token.MappingEndType:
				flow = max(0, flow-1)
			case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType:
				if flow == 0 {
					columns = openAt(columns, t)
				}
			}
			switch {
			case flow+len(columns) > maxDepth:
				return t.Position.Line, "lists and sections are nested more than 64 deep"
			case count > maxTokens:
				return t.Position.Line, tooMany
			}
		}
		if err != nil { // the end, or what decoding it tells
			return 0, ""
		}
	}
}

// openAt are the columns of what is open in blocks at a token: those to the left of it,
// and its own.
func openAt(columns []int, t *token.Token) []int {
	column := t.Position.Column
	if t.Type == token.MappingValueType && t.Prev != nil && t.Prev.Position.Line == t.Position.Line {
		column = t.Prev.Position.Column // of the key
	}
	for len(columns) > 0 && columns[len(columns)-1] >= column {
		columns = columns[:len(columns)-1]
	}
	return append(columns, column)
}

// expandsAt is the line of the anchor with which the values become too many; 0 where they
// do not.
func expandsAt(file *ast.File) int {
	e := &expansion{sizes: make(map[string]int)}
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if e.size(doc.Body) > maxValues {
			return max(1, e.line)
		}
	}
	return 0
}

// An expansion counts values as often as aliases repeat them.
type expansion struct {
	sizes map[string]int // of what anchors name
	line  int            // of the last alias
}

func (e *expansion) size(n ast.Node) int {
	size := 1
	switch n := n.(type) {
	case *ast.AnchorNode:
		size = e.size(n.Value)
		e.sizes[n.Name.String()] = size
	case *ast.AliasNode:
		e.line = n.GetToken().Position.Line
		size = max(1, e.sizes[n.Value.String()])
	case *ast.TagNode:
		size = e.size(n.Value)
	case *ast.SequenceNode:
		for _, v := range n.Values {
			size += e.size(v)
		}
	case *ast.MappingNode:
		for _, v := range n.Values {
			size += e.size(v)
		}
	case *ast.MappingValueNode:
		size += e.size(n.Value)
	}
	return min(size, maxValues+1)
}
