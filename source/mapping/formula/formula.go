// Package formula computes the expressions of a mapping, each for one row at a time and
// within bounds: what an expression may say is bounded when it is compiled, and what it
// takes for a row is counted while it runs.
//
//	code ──► Compile ──► Formula ──► Run, for each row
package formula

import (
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// What an expression may take.
const (
	maxCode  = 16 << 10 // bytes of the expression
	maxNodes = 2000     // operators, calls and operands in it
	MaxText  = 64 << 10 // bytes of a text: of a cell, or on the way to the result
	maxSteps = 100_000  // in one row: turns of a loop, items of a list, 64 bytes of a text
)

// A Formula is a compiled expression. It sees the columns that it names, as texts:
// row["First Name"]. One goroutine at a time may use it.
type Formula struct {
	// Columns are those that it names, each time that it does.
	Columns []string

	code   *vm.Program
	vm     vm.VM
	bounds *bounds
}

type environment struct {
	Row map[string]string `expr:"row"`
}

// ErrRow says that row stands in an expression without a column.
var ErrRow = errors.New(`row stands for a column only with its name in quotes behind it, as in row["First Name"]`)

// Compile compiles an expression; condition says that it has to be true or false. What
// it computes depends on the row alone: there is no clock in it, because a row has to give
// the same profile in every run.
func Compile(code string, condition bool) (*Formula, error) {
	if len(code) > maxCode {
		return nil, fmt.Errorf("the expression is %d bytes long; %d at most", len(code), maxCode)
	}
	if err := checkPatterns(code); err != nil {
		return nil, err
	}
	f := &Formula{bounds: &bounds{}, vm: vm.VM{MemoryBudget: maxSteps}}
	v := &rowVisitor{}
	options := append(f.bounds.options(), expr.Env(environment{}), expr.DisableBuiltin("now"), expr.MaxNodes(maxNodes))
	if condition {
		options = append(options, expr.AsBool())
	}
	// First as it stands, because the compiler takes a call that it has seen before for right.
	p, err := expr.Compile(code, append(options, expr.Patch(v))...)
	if err == nil {
		p, err = expr.Compile(code, append(options, expr.Patch(guard{}))...)
	}
	switch {
	case err != nil:
		return nil, errors.New(strings.TrimSpace(err.Error()))
	case v.rows != len(v.columns):
		return nil, ErrRow
	}
	f.code, f.Columns = p, v.columns
	return f, nil
}

// Run computes the expression for the cells of a row by the names of their columns.
func (f *Formula) Run(row map[string]string) (any, error) {
	for column, text := range row {
		if len(text) > MaxText {
			return nil, fmt.Errorf("column %q holds %d bytes, and an expression takes %d", column, len(text), MaxText)
		}
	}
	f.bounds.steps = 0
	v, err := f.vm.Run(f.code, environment{row})
	if err == nil {
		_, err = f.bounds.check(v)
	}
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n")
		return nil, errors.New(reason)
	}
	return v, nil
}

// A rowVisitor finds the columns that an expression names.
type rowVisitor struct {
	columns []string // each time that one is named
	rows    int      // how often row stands in it
}

// Visit implements ast.Visitor.
func (v *rowVisitor) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "row" {
			v.rows++
		}
	case *ast.MemberNode:
		id, ok := n.Node.(*ast.IdentifierNode)
		name, isText := n.Property.(*ast.StringNode)
		if ok && id.Value == "row" && isText {
			v.columns = append(v.columns, name.Value)
		}
	}
}
