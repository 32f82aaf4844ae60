// Benthos sends the rows of a CSV file with the engine of Redpanda Connect, as
// its documentation shows it, or with its output tuned.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
)

const config = `
input:
  csv:
    paths: [ %q ]
    parse_header_row: true
    batch_count: %d
pipeline:
  threads: %d
  processors:
    - mapping: |
        root.projectId = "65f0000000000000000000aa"
        root.contactIds = [ this.email ]
        root.profile = this
        root.profile.age = this.age.number()
        root.profile.accepted_gdpr = this.accepted_gdpr == "true"
output:
  http_client:
    url: %s/new/v2.0/profiles
    verb: POST
    headers:
      Content-Type: application/json
      Accept: application/json
      X-API-Key: bench
    max_in_flight: %d
    batch_as_multipart: false
    retries: 3
    tls:
      enabled: %t
      root_cas_file: %q
logger:
  level: ERROR
shutdown_timeout: 30s
`

func main() {
	base := flag.String("base-url", "", "of the target")
	source := flag.String("source", "", "CSV file")
	workers := flag.Int("workers", 64, "requests in flight")
	tuned := flag.Bool("tuned", false, "messages in batches, one thread for the mapping")
	cert := flag.String("ca", "", "certificate that the target is verified with")
	flag.Parse()
	batch, threads := 1, -1
	if *tuned {
		batch, threads = 16, 1
	}
	b := service.NewStreamBuilder()
	err := b.SetYAML(fmt.Sprintf(config, *source, batch, threads, *base, *workers, *cert != "", *cert))
	if err == nil {
		var s *service.Stream
		if s, err = b.Build(); err == nil {
			err = s.Run(context.Background())
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "benthos:", err)
		os.Exit(1)
	}
}
