package cli

import (
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"

	"importer/internal/cognigy"
)

// front puts a proxy in front of the sandbox, and has the job go there.
func (j *job) front() *httputil.ReverseProxy {
	j.t.Helper()
	to, err := url.Parse(j.server.URL)
	if err != nil {
		j.t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	server := httptest.NewServer(proxy)
	j.t.Cleanup(server.Close)
	j.args[slices.Index(j.args, j.server.URL)] = server.URL
	return proxy
}

func (j *job) client() *cognigy.Client {
	j.t.Helper()
	client, err := cognigy.New(cognigy.Options{BaseURL: j.server.URL, APIKey: j.server.APIKey(), ProjectID: j.server.ProjectID()})
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(client.Close)
	return client
}
