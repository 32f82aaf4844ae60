// Package rejectfile is the form of a reject file, which one part of the program
// writes and another reads when it is fed back.
package rejectfile

// Columns stand behind those of the source. A source that ends in them is a
// reject file.
var Columns = [...]string{"_line", "_status", "_field", "_error", "_hint"}
