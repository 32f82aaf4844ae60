module importer/bench

go 1.26.0

toolchain go1.26.8

require (
	github.com/go-json-experiment/json v1.27.2
	github.com/gocarina/gocsv v0.0.0-20240520201108-78e41c74b4b1
	golang.org/x/sys v0.49.0
	importer v0.0.0
)

require (
	github.com/gofrs/flock v0.13.2 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace importer => ../
