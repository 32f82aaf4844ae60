package mapping

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// A program is an expression of the mapping. It sees the columns that it names,
// as texts: row["First Name"].
type program struct {
	text  string // as it was written
	code  *vm.Program
	slots map[string]int // of the columns
	env   exprEnv        // used again for each row
}

type exprEnv struct {
	Row map[string]string `expr:"row"`
}

// compileExpr compiles an expression; condition says that it has to be true or
// false. What it computes depends on the row alone: there is no clock in it, because
// a row has to give the same profile in every run.
func compileExpr(path, code string, condition bool, find resolver) (*program, error) {
	v := &rowVisitor{}
	o := []expr.Option{expr.Env(exprEnv{}), expr.DisableBuiltin("now"), expr.Patch(v), expr.MaxNodes(2000)}
	if condition {
		o = append(o, expr.AsBool())
	}
	p, err := expr.Compile(code, o...)
	if err != nil {
		return nil, mappingError(path, "%s", strings.TrimSpace(err.Error()))
	}
	if v.rows != len(v.columns) {
		return nil, mappingError(path, `row stands for a column only with its name in quotes behind it, as in row["First Name"]`)
	}
	prog := &program{text: code, code: p, slots: make(map[string]int), env: exprEnv{Row: make(map[string]string)}}
	for _, column := range v.columns {
		slot, ok := find(column)
		if !ok {
			return nil, &noColumn{path: path, column: column}
		}
		prog.slots[column] = slot
	}
	return prog, nil
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

// run computes the expression for the cells of a record. Nothing and an empty text
// are empty cells.
func (p *program) run(cells []cell) (any, *Fault) {
	for column, slot := range p.slots {
		c := cells[slot]
		if c.kind == 'n' {
			c.text = ""
		}
		p.env.Row[column] = c.text
	}
	v, err := expr.Run(p.code, p.env)
	if err != nil {
		reason, _, _ := strings.Cut(err.Error(), "\n")
		return nil, &Fault{Reason: "the expression of the mapping fails: " + reason, Hint: "correct the row, or the expression in the configuration"}
	}
	return v, nil
}

func (p *program) cell(cells []cell) (cell, *Fault) {
	v, f := p.run(cells)
	if f != nil {
		return cell{}, f
	}
	c, err := cellOf(v)
	if err != nil {
		return cell{}, &Fault{Reason: fmt.Sprintf("the expression of the mapping gives no value: %s", err), Hint: "correct the expression in the configuration"}
	}
	return c, nil
}
