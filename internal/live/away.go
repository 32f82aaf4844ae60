package live

import (
	"time"

	"github.com/rs/zerolog"

	"importer/importer/contact"
)

// StoreAway returns what is to be called when the store of a run is away, with since when
// and why, and with the zero time when it is back. The run shows that it waits, and logs
// both once. It may be called from several goroutines.
func StoreAway(p *contact.Progress, log zerolog.Logger) func(since time.Time, err error) {
	return func(since time.Time, err error) {
		if !since.IsZero() {
			if p.StoreAway(since, err) {
				log.Warn().Err(err).Time("since", since).Msg("waiting for the store: nothing new is sent until it answers")
			}
			return
		}
		if since, news := p.StoreBack(); news {
			log.Info().Str("after", duration(time.Since(since))).Msg("the store is back: the run goes on")
		}
	}
}
