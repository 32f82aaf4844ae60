package mapping

import (
	"fmt"

	"importer/source/mapping/formula"
)

// A program is an expression of the mapping, with where the columns stand that it names.
type program struct {
	text    string // as it was written
	formula *formula.Formula
	slots   map[string]int    // of the columns
	row     map[string]string // used again for each row
}

// compileExpr compiles an expression; condition says that it has to be true or false.
func compileExpr(path, code string, condition bool, find resolver) (*program, error) {
	f, err := formula.Compile(code, condition)
	if err != nil {
		return nil, mappingError(path, "%s", err)
	}
	p := &program{text: code, formula: f, slots: make(map[string]int), row: make(map[string]string)}
	for _, column := range f.Columns {
		slot, ok := find(column)
		if !ok {
			return nil, &noColumn{path: path, column: column}
		}
		p.slots[column] = slot
	}
	return p, nil
}

// run computes the expression for the cells of a record. Nothing and an empty text
// are empty cells.
func (p *program) run(cells []cell) (any, *Fault) {
	for column, slot := range p.slots {
		c := cells[slot]
		if c.kind == 'n' {
			c.text = ""
		}
		p.row[column] = c.text
	}
	v, err := p.formula.Run(p.row)
	if err != nil {
		return nil, &Fault{Reason: "the expression of the mapping fails: " + err.Error(), Hint: "correct the row, or the expression in the configuration"}
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
