package growth

import "testing"

// Loops are told apart by how they grow.
func TestCheck(t *testing.T) {
	var sum int
	Check(t, 1<<20, func(n int) {
		for i := range n {
			sum += i
		}
	})
	square := &recorder{TB: t}
	for try := 0; !square.failed && try < 5; try++ {
		Check(square, 1<<10, func(n int) {
			for i := range n {
				for j := range n {
					sum += i ^ j
				}
			}
		})
	}
	if !square.failed {
		t.Errorf("the square of n passed (%d)", sum)
	}
}

type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
