package cli

import (
	"importer/internal/cognigy"
)

func (j *job) client() *cognigy.Client {
	j.t.Helper()
	client, err := cognigy.New(cognigy.Options{BaseURL: j.server.URL, APIKey: j.server.APIKey(), ProjectID: j.server.ProjectID()})
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(client.Close)
	return client
}
