package weigh

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
)

// Light rows go through freely, heavy ones as long as there is room, and one that is
// heavier than all goes alone.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, ctx := NewGate(), t.Context()
		light, heavy, huge := []string{"a", "b"}, []string{strings.Repeat("x", Max/2)}, []string{strings.Repeat("x", 2*Max)}
		enter := func(raw []string) {
			t.Helper()
			if err := g.Enter(ctx, raw); err != nil {
				t.Fatal(err)
			}
		}
		enter(heavy)
		enter(heavy)
		enter(light)
		in := false
		go func() {
			if g.Enter(ctx, huge) == nil {
				in = true
			}
		}()
		synctest.Wait()
		if in {
			t.Error("the huge row is in beside others")
		}
		g.Leave(light)
		g.Leave(heavy)
		synctest.Wait()
		if in {
			t.Error("the huge row is in beside another one")
		}
		g.Leave(heavy)
		synctest.Wait()
		if !in {
			t.Error("the huge row waits, and there is nothing else")
		}
		stopped, stop := context.WithCancel(ctx)
		stop()
		if g.Enter(stopped, heavy) == nil {
			t.Error("a row is in though the run was stopped")
		}
		g.Leave(huge)
		enter(huge)
	})
}
