package notes

import "testing"

func TestIgnoredAsksForTheFieldThatWasMeant(t *testing.T) {
	n := Ignored{Like: func(name string) string { return map[string]string{"frstname": "firstname"}[name] }}
	n.Add("frstname", "")
	n.Add("shoe", "")
	if got, want := n.Text(), `not imported, because no profile field has that name: "frstname" (did you mean firstname?), "shoe"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
