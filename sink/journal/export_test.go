package journal

// File is what a report writes to.
type File = Writing

// Wrap puts a file of a test's around the one under an open report.
func (r *Journal) Wrap(wrap func(File) File) { r.file = wrap(r.file) }
