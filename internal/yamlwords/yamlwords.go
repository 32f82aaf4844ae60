// Package yamlwords reads lists of words from YAML as they are written there, and says
// what is wrong with a text.
package yamlwords

import (
	"bytes"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Words are the items of a list, each as it is written: NULL, ~ and 007 are words as any
// other, though YAML has a nothing and a 7 there.
type Words []string

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (w *Words) UnmarshalYAML(node ast.Node) error {
	list, ok := node.(*ast.SequenceNode)
	if !ok { // nothing, or an error that shows the line
		return yaml.NodeToValue(node, (*[]string)(w))
	}
	words := make(Words, len(list.Values))
	for i, item := range list.Values {
		switch item := item.(type) {
		case *ast.NullNode:
			words[i] = written(item)
		case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
			words[i] = item.GetToken().Value
		default:
			if err := yaml.NodeToValue(item, &words[i]); err != nil {
				return err
			}
		}
	}
	*w = words
	return nil
}

// Lone is the word for nothing that stands where a list should, such as the NULL of
// "null_values: NULL", at a path such as $.source.null_values. The decoder of YAML takes
// it for no list at all, and asks nobody.
func Lone(text []byte, path string) string {
	p, err := yaml.PathString(path)
	if err != nil {
		return ""
	}
	node, err := p.ReadNode(bytes.NewReader(text))
	null, ok := node.(*ast.NullNode)
	if err != nil || !ok {
		return ""
	}
	return written(null)
}

// written is the word for nothing; empty where there is none.
func written(null *ast.NullNode) string {
	if null.Token.Type == token.ImplicitNullType {
		return ""
	}
	return null.Token.Value
}
