package cli

import (
	"bytes"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"importer/docs"
	"importer/internal/files"
)

// schemaName is the schema of the configuration, beside the program in an archive.
const schemaName = "docs/config.schema.json"

// packagedSchema is where the packages of a system put it.
const packagedSchema = "/usr/share/doc/importer/config.schema.json"

// schemaLine is the first line of a configuration in path, which names the schema that
// editors complete from. It is one that is there: beside the configuration, beside the
// program, of a package, or else a copy in the user's cache, which is made. It is empty
// where none can be.
func schemaLine(path string) string {
	const names = "# yaml-language-server: $schema="
	folder, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return ""
	}
	if isSchema(filepath.Join(folder, schemaName)) {
		return names + schemaName + "\n"
	}
	places := []string{packagedSchema}
	if program, err := os.Executable(); err == nil {
		beside := filepath.Dir(program)
		places = append(places, filepath.Join(beside, schemaName), filepath.Join(filepath.Dir(beside), schemaName))
	}
	for _, place := range places {
		if isSchema(place) {
			return names + fileURL(place) + "\n"
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	copied := filepath.Join(cache, "importer", filepath.Base(schemaName))
	if !isSchema(copied) {
		if os.MkdirAll(filepath.Dir(copied), 0o700) != nil || files.Replace(copied, writeSchema) != nil {
			return "" // a cache that cannot be written is no reason to write no configuration
		}
	}
	return names + fileURL(copied) + "\n"
}

func writeSchema(w io.Writer) error {
	_, err := w.Write(docs.ConfigSchema)
	return err
}

// isSchema tells whether a file is the schema of this version.
func isSchema(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Size() != int64(len(docs.ConfigSchema)) {
		return false
	}
	text, err := os.ReadFile(path)
	return err == nil && bytes.Equal(text, docs.ConfigSchema)
}

// fileURL is the address of a file, as editors read it.
func fileURL(path string) string {
	path = filepath.ToSlash(path)
	if path[0] != '/' { // C:/…
		path = "/" + path
	}
	return (&url.URL{Scheme: "file", Path: path}).String()
}
