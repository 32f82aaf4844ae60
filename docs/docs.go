// Package docs holds what the program hands out of the documents.
package docs

import _ "embed"

// ConfigSchema is the JSON schema of the configuration, for editors. It is made of the keys
// in package config, and of what documents them, by the test of the root package.
//
//go:embed config.schema.json
var ConfigSchema []byte
