package formula

import (
	"fmt"
	"regexp/syntax"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
)

// maxPattern is how large a pattern is at most, in characters and classes of them, with
// what is repeated so many times counted as often.
const maxPattern = 2000

// checkPatterns looks at the patterns of an expression before they are compiled, which
// takes the memory of their size.
func checkPatterns(code string) error {
	tree, err := parser.Parse(code)
	if err != nil {
		return nil // compiling it tells what is wrong
	}
	p := &patterns{}
	ast.Walk(&tree.Node, p)
	return p.err
}

type patterns struct{ err error }

// Visit implements ast.Visitor.
func (p *patterns) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok || n.Operator != "matches" || p.err != nil {
		return
	}
	if text, ok := n.Right.(*ast.StringNode); ok {
		p.err = checkPattern(text.Value)
	}
}

func checkPattern(pattern string) error {
	if len(pattern) <= maxPattern {
		re, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil || sizeOf(re) <= maxPattern {
			return err
		}
	}
	return fmt.Errorf("a pattern is larger than %d characters, with what is repeated counted as often", maxPattern)
}

func sizeOf(re *syntax.Regexp) int {
	size := 1
	if re.Op == syntax.OpLiteral {
		size = len(re.Rune)
	}
	for _, sub := range re.Sub {
		size += sizeOf(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return size
}
