package contact

import (
	"fmt"
	"testing"
)

func refused(s Status, line int, f Failure) *Outcome {
	return &Outcome{Row: Row{Source: "c.csv", Line: line}, Status: s, Failure: &f}
}

func TestFailuresThatAreAlikeAreOneGroup(t *testing.T) {
	var g FailureGroups
	for i := range 5 {
		g.Add(refused(Rejected, i+2, Failure{HTTP: 400, Code: 1005, Field: "age", Detail: fmt.Sprintf(`"%d years" is no number`, i), Hint: "write digits"}))
	}
	last := g.Add(refused(Failed, 9, Failure{HTTP: 503, Detail: "gave up after 6 attempts"}))
	g.Add(refused(Failed, 10, Failure{HTTP: 503, Detail: "gave up after 2 attempts"}))
	list := g.List()
	if len(list) != 2 || list[0].Count != 5 || list[1].Count != 2 {
		t.Fatalf("groups %+v", list)
	}
	if first := list[0]; first.Hint != "write digits" || len(first.Examples) != 3 || first.Examples[0].Place != (Place{"c.csv", 2}) {
		t.Errorf("first group %+v", first)
	}
	g.Remove(last)
	g.Remove(last)
	if list := g.List(); len(list) != 1 {
		t.Errorf("after its rows were settled a group is still there: %+v", list)
	}
}

func TestFailureGroupsAreBounded(t *testing.T) {
	var g FailureGroups
	for i := range 10_000 {
		g.Add(refused(Rejected, i+2, Failure{Field: fmt.Sprint("column ", i), Detail: "wrong"}))
	}
	list := g.List()
	if len(list) != maxGroups+1 || list[0].Status != 0 || list[0].Count != 10_000-maxGroups {
		t.Errorf("%d groups, the largest %+v", len(list), list[0])
	}
}
