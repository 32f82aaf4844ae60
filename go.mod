module importer

go 1.26.0

require (
	github.com/go-json-experiment/json v1.27.2
	github.com/gofrs/flock v0.13.2
)

require golang.org/x/sys v0.49.0 // indirect
