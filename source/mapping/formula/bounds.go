package formula

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm/runtime"
)

// bounds counts what an expression takes for a row.
type bounds struct{ steps int }

var (
	errSteps = fmt.Errorf("it takes more than %d steps", maxSteps)
	errText  = fmt.Errorf("it makes a text of more than %d bytes", MaxText)
)

// check counts a value that was computed, and everything in it.
func (b *bounds) check(v any) (any, error) { return v, b.count(v) }

func (b *bounds) count(v any) error {
	if b.steps++; b.steps > maxSteps {
		return errSteps
	}
	switch v := v.(type) {
	case nil, bool, int, float64:
		return nil
	case string:
		if len(v) > MaxText {
			return errText
		}
		b.steps += len(v) / 64
		return nil
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Slice, reflect.Array:
		for i := range r.Len() {
			if err := b.count(r.Index(i).Interface()); err != nil {
				return err
			}
		}
	case reflect.Map:
		for i := r.MapRange(); i.Next(); {
			if err := errors.Join(b.count(i.Key().Interface()), b.count(i.Value().Interface())); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSquare counts a list of which each item is compared with each other one.
func (b *bounds) checkSquare(v any) (any, error) {
	before := b.steps
	if err := b.count(v); err != nil {
		return nil, err
	}
	n := b.steps - before
	b.steps += n * n / 16
	return v, b.count(nil)
}

// The functions that take the place of what could take much before its result can be
// checked. None of their names can be written in an expression.
const (
	checked       = "(checked)"
	checkedSquare = "(checked square)"
	rangeOf       = "(range)"
	matches       = "(matches)"
)

// checkedTypes are the types that a checked value keeps for the compiler.
var checkedTypes = map[reflect.Type]any{
	reflect.TypeFor[string]():         new(func(string) string),
	reflect.TypeFor[bool]():           new(func(bool) bool),
	reflect.TypeFor[int]():            new(func(int) int),
	reflect.TypeFor[float64]():        new(func(float64) float64),
	reflect.TypeFor[[]any]():          new(func([]any) []any),
	reflect.TypeFor[[]string]():       new(func([]string) []string),
	reflect.TypeFor[[]int]():          new(func([]int) []int),
	reflect.TypeFor[map[string]any](): new(func(map[string]any) map[string]any),
	nil:                               new(func(any) any),
}

func nameOf(function string, t reflect.Type) string {
	if t == nil || checkedTypes[t] == nil {
		return function
	}
	return function + " " + t.String()
}

// options are the functions, of which some have the names of those that the language has.
func (b *bounds) options() []expr.Option {
	options := []expr.Option{
		expr.Function(rangeOf, b.rangeOf, new(func(int, int) []any)),
		expr.Function(matches, matchesPattern, new(func(any, any) bool)),
		expr.DisableBuiltin("replace"), expr.Function("replace", replace, strings.Replace, strings.ReplaceAll),
		expr.DisableBuiltin("repeat"), expr.Function("repeat", repeat, strings.Repeat),
		expr.DisableBuiltin("join"), expr.Function("join", b.join, new(func([]any, string) string), new(func([]any) string), new(func([]string, string) string), new(func([]string) string)),
	}
	for t, signature := range checkedTypes {
		options = append(options,
			expr.Function(nameOf(checked, t), func(args ...any) (any, error) { return b.check(args[0]) }, signature),
			expr.Function(nameOf(checkedSquare, t), func(args ...any) (any, error) { return b.checkSquare(args[0]) }, signature))
	}
	return options
}

func (b *bounds) rangeOf(args ...any) (any, error) {
	from, to := runtime.ToInt(args[0]), runtime.ToInt(args[1])
	if to-from >= maxSteps || to-from < 0 && to > from {
		return nil, errSteps
	}
	return b.check(runtime.MakeRange(from, to))
}

func replace(args ...any) (any, error) {
	s, old, with, n := args[0].(string), args[1].(string), args[2].(string), -1
	if len(args) == 4 {
		n = runtime.ToInt(args[3])
	}
	found := strings.Count(s, old)
	if n >= 0 {
		found = min(found, n)
	}
	if len(s)+found*max(0, len(with)-len(old)) > MaxText {
		return nil, errText
	}
	return strings.Replace(s, old, with, n), nil
}

func repeat(args ...any) (any, error) {
	s, n := args[0].(string), runtime.ToInt(args[1])
	switch {
	case n < 0:
		return nil, fmt.Errorf("repeat cannot repeat a text %d times", n)
	case n > MaxText || n*len(s) > MaxText:
		return nil, errText
	}
	return strings.Repeat(s, n), nil
}

func (b *bounds) join(args ...any) (any, error) {
	if err := b.count(args[0]); err != nil {
		return nil, err
	}
	glue := ""
	if len(args) == 2 {
		glue = args[1].(string)
	}
	items, ok := args[0].([]string)
	if !ok {
		for _, item := range args[0].([]any) {
			text, ok := item.(string)
			if !ok {
				return nil, fmt.Errorf("join takes a list of texts, and %v is none", item)
			}
			items = append(items, text)
		}
	}
	length := len(items) * len(glue)
	for _, item := range items {
		if length += len(item); length > MaxText {
			return nil, errText
		}
	}
	return strings.Join(items, glue), nil
}

// matchesPattern is the operator matches with a pattern that is computed.
func matchesPattern(args ...any) (any, error) {
	text, isText := args[0].(string)
	pattern, isPattern := args[1].(string)
	if !isText || !isPattern {
		if runtime.IsNil(args[0]) || runtime.IsNil(args[1]) {
			return false, nil
		}
		return nil, errors.New("matches compares two texts")
	}
	if err := checkPattern(pattern); err != nil {
		return nil, err
	}
	p, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return p.MatchString(text), nil
}

// guard is the visitor that has what an expression computes checked.
type guard struct{}

// Visit implements ast.Visitor.
func (guard) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.PredicateNode: // each turn of a loop
		check(&n.Node, checked)
	case *ast.ArrayNode:
		if !isConstant(n.Nodes) {
			check(node, checked)
		}
	case *ast.MapNode:
		check(node, checked)
	case *ast.BuiltinNode:
		for i := range n.Arguments {
			if !isScalar(n.Arguments[i]) {
				function := checked
				if n.Name == "uniq" {
					function = checkedSquare
				}
				check(&n.Arguments[i], function)
			}
		}
		if !isNumber(*node) {
			check(node, checked)
		}
	case *ast.CallNode:
		check(node, checked)
	case *ast.BinaryNode:
		guardOperator(node, n)
	}
}

func guardOperator(node *ast.Node, n *ast.BinaryNode) {
	switch n.Operator {
	case "+":
		if !isNumber(*node) {
			check(node, checked)
		}
	case "..":
		call(node, rangeOf, n.Left, n.Right)
	case "matches":
		if _, constant := n.Right.(*ast.StringNode); !constant {
			call(node, matches, n.Left, n.Right)
		}
	case "==", "!=", "in":
		for _, operand := range []*ast.Node{&n.Left, &n.Right} {
			if array, ok := (*operand).(*ast.ArrayNode); !isScalar(*operand) && !(ok && isConstant(array.Nodes)) {
				check(operand, checked)
			}
		}
	}
}

// check has a node checked, once.
func check(node *ast.Node, function string) {
	switch n := (*node).(type) {
	case *ast.PredicateNode, *ast.NilNode: // no value by itself
		return
	case *ast.CallNode:
		if id, ok := n.Callee.(*ast.IdentifierNode); ok && strings.HasPrefix(id.Value, function) {
			return
		}
	}
	call(node, nameOf(function, (*node).Type()), *node)
}

func call(node *ast.Node, function string, args ...ast.Node) {
	c := &ast.CallNode{Callee: &ast.IdentifierNode{Value: function}, Arguments: args}
	c.SetLocation((*node).Location()) // and not its type: then nobody would look at the arguments
	*node = c
}

// isConstant tells whether nothing in a list is computed.
func isConstant(nodes []ast.Node) bool {
	for _, n := range nodes {
		switch n.(type) {
		case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NilNode:
		default:
			return false
		}
	}
	return true
}

func isNumber(n ast.Node) bool {
	switch n.Type().Kind() {
	case reflect.Int, reflect.Float64, reflect.Bool:
		return true
	}
	return false
}

func isScalar(n ast.Node) bool { return isNumber(n) || n.Type().Kind() == reflect.String }
