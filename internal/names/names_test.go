package names

import "testing"

func TestNames(t *testing.T) {
	for _, c := range []struct {
		what    string
		is      func(string) bool
		yes, no []string
	}{
		{"project", IsProject,
			[]string{"65f0000000000000000000aa", "abcdefghijklmnopqrstuvwx"},
			[]string{"", "65f0000000000000000000a", "65f0000000000000000000aab", "65F0000000000000000000AA", "65f0000000000000000000a\n", "65f000000000000000000-aa"}},
		{"field", IsField,
			[]string{"firstname", "_x", "Total_2026", "7"},
			[]string{"", "first name", "first-name", "größe", "a.b", "a\n"}},
		{"loopback", IsLoopback,
			[]string{"localhost", "api.localhost", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"},
			[]string{"", "localhost.example.com", "notlocalhost", "10.0.0.1", "0.0.0.0", "::", "127.0.0.1:80", "[::1]", "2130706433"}},
	} {
		for _, s := range c.yes {
			if !c.is(s) {
				t.Errorf("%q is no %s", s, c.what)
			}
		}
		for _, s := range c.no {
			if c.is(s) {
				t.Errorf("%q is a %s", s, c.what)
			}
		}
	}
}
