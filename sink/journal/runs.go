package journal

// Runs are the headers of the runs of the report at path, in their order. Another run may
// be appending to it.
func Runs(path string) (runs []Header, err error) {
	for l, err := range LinesFrom(path, 0) {
		if err != nil {
			return runs, err
		}
		if h, begins := l.(*Header); begins {
			runs = append(runs, *h)
		}
	}
	return runs, nil
}
