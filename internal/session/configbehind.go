package session

import (
	"errors"
	"io/fs"

	"importer/source"
)

// BlameConfig says which configuration may be why no row at all can be used.
func (s *Session) BlameConfig(read, invalid int64) {
	if s.behind != "" && read > 0 && invalid == read {
		s.Log.Warn().Msg("no row can be used; " + s.behind)
	}
}

// unread tells whether a source could not be opened, for which no configuration is to
// blame.
func unread(err error) bool {
	for _, why := range []error{source.ErrNoMatch, source.ErrIsDirectory, source.ErrEmpty, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, why) {
			return true
		}
	}
	return source.IsUnread(err)
}
