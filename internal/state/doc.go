// Package state keeps what runs of the importer have to know of the API's
// profiles, in SQLite files: the Listing of a project, for the length of a run,
// and the State that a sync leaves for the next one.
package state
