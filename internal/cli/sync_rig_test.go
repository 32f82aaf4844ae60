package cli

import (
	"importer/internal/cognigy"
	"importer/internal/config"
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

func (j *job) config() config.Config {
	c := config.Default()
	c.Mode, c.Sync.State, c.API.ProjectID = "upsert", j.path("s.db"), j.server.ProjectID()
	return c
}
