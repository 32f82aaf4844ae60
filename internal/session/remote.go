package session

import (
	"slices"

	"importer/internal/address"
	"importer/internal/config"
	"importer/source"
	"importer/source/remote"
)

// ReachSources has the sources that are on other machines read as the settings say.
func ReachSources(o *source.Options, c config.Config, env Env) error {
	if !slices.ContainsFunc(o.Paths, isFar) {
		return nil
	}
	trusted, err := Trust(c.API)
	if err != nil {
		return err
	}
	if err := checkProxies(env.Getenv); err != nil {
		return err
	}
	o.Query = c.Source.Query
	o.Remote = remote.Options{
		Context: env.Context, Timeout: c.API.Timeout, Roots: trusted.Roots, UserAgent: "importer/" + env.Version, InsecureHTTP: c.InsecureHTTP,
		Header: c.Source.Headers, Getenv: env.Getenv, Endpoint: c.Source.S3.Endpoint, Region: c.Source.S3.Region,
	}
	return nil
}

func isFar(path string) bool { return address.KindOf(path) != address.None }

// Unopened is the error of a source that could not be opened: one of the command line,
// unless the same command may work later.
func Unopened(err error) error {
	if source.IsAway(err) {
		return err
	}
	return usage(err)
}
