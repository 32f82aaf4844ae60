package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"importer/internal/address"
	"importer/internal/commandline"
	"importer/internal/files"
	"importer/internal/plain"
	"importer/internal/words"
)

// Behind says of a source that the configuration does not name which configuration
// it is read by, and how to have another one: its mapping may not be for this source at
// all. It is empty where the configuration names all sources, or says nothing of what is
// read; mapped tells whether it holds a mapping.
func (c Config) Behind(mapped bool) string {
	said, byDefault := c.SourceInFile, Default().Source
	said.Paths, byDefault.Paths = nil, nil
	if c.File == "" || !mapped && reflect.DeepEqual(said, byDefault) {
		return ""
	}
	for _, path := range c.Source.Paths {
		shown := address.Shown(path)
		if named(path, c.SourceInFile.Paths) {
			continue
		}
		where, of := "", "names no source"
		if c.Found {
			where = ", which was found in this folder and is used without being asked for,"
		}
		if paths := c.SourceInFile.Paths; len(paths) > 0 {
			of = "is for " + words.QuoteNames(address.AllShown(paths), 3)
		}
		initialized := strings.TrimSuffix(address.Base(path), filepath.Ext(address.Base(path))) + ".yaml"
		return fmt.Sprintf("the configuration %s%s %s, and %s is read by it as well; if that is why: importer init %s -o %s makes a configuration for it, and --config %s names that one; or --config %s uses none",
			plain.Line(c.File), where, of, plain.Line(shown), commandline.Quote(shown), commandline.Quote(initialized), commandline.Quote(initialized), os.DevNull)
	}
	return ""
}

// named tells whether a source is one of those that a configuration names, which may be
// globs.
func named(path string, names []string) bool {
	for _, name := range names {
		match, err := filepath.Match(filepath.Clean(name), filepath.Clean(path))
		if match && err == nil || path != "-" && files.SameFile(path, name) {
			return true
		}
	}
	return false
}
