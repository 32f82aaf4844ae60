package cognigy

import (
	"strings"
	"testing"

	"importer/importer/contact"
	"importer/internal/names"
)

func TestCheckProxies(t *testing.T) {
	for _, good := range []string{"", "http://proxy:3128", "proxy:3128", "proxy", "10.0.0.1:3128", "https://u:s3cret@proxy", "socks5://proxy:1080", "socks5h://[::1]:1080", "http://proxy/", "HTTP://proxy:8080"} {
		if err := CheckProxies(func(string) string { return good }); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"://s3cret", "http://", "http://:3128", "ftp://s3cret:21", "htps://s3cret:3128", "http//s3cret:3128", "http:/s3cret:3128", "http:s3cret:3128",
		"http://u:s3cret%zz@proxy:3128", " http://s3cret:3128", "http://s3cret:3128\n", "http://s3cret:port", "http://s3cret:99999", "http://s3cret:0",
		"http://[::1", "http://s3cret:3128/path", "http://s3cret?x", "http://a b", "socks4://s3cret", "file:///s3cret", "%", "?", "javascript:s3cret",
	} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
			err := CheckProxies(func(asked string) string {
				if asked == name {
					return bad
				}
				return "http://proxy:3128"
			})
			if err == nil || !strings.Contains(err.Error(), "$"+name) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s=%q: %v", name, bad, err)
			}
		}
	}
}

// A name that leads to this machine when it is looked at, and elsewhere later, gets
// nothing, nor does a proxy on the way to it.
func TestWhatIsNotEncryptedStaysHere(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128")
	client, err := New(Options{BaseURL: "http://127.0.0.1:1", APIKey: testKey, ProjectID: testProject})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	client.profiles.Host = "192.0.2.1:80" // as if it had been resolved anew
	_, err = client.Get(t.Context(), strings.Repeat("a", 24))
	problem := contact.AsAPIError(err)
	if problem.Class != contact.Transient || problem.HTTP != 0 || !strings.Contains(err.Error(), "not to this machine") {
		t.Errorf("%v: %v", problem.Class, err)
	}
	const name = "nobody-knows.localhost" // some resolvers have all of them lead here
	if _, err := New(Options{BaseURL: "http://" + name, APIKey: testKey, ProjectID: testProject}); (err == nil) != names.StaysHere(name) {
		t.Errorf("a name below localhost, which leads here: %v: %v", names.StaysHere(name), err)
	}
}
