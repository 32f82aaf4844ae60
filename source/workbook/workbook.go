// Package workbook reads the sheets of an Excel workbook (.xlsx): each row with the values
// of its cells by their types, in little memory, and never less than the whole sheet.
//
//	archive ──► parts ──► XML ──► rows ──► cells
//
// A cell whose value cannot be told has its flaw in its row. Whatever is damaged or
// inconsistent is an error, and no end of the sheet.
package workbook

import (
	"archive/zip"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"importer/internal/words"
)

// What a workbook may hold.
const (
	maxUnpacked = 4 << 30 // bytes of all its parts
	maxParts    = 1 << 16
	maxListing  = 8 << 20   // bytes of a part that lists sheets, relations or formats
	minTexts    = 96 << 20  // bytes of the shared texts of a small workbook
	maxTexts    = 512 << 20 // the same of a large one
)

// ErrNoWorkbook says that an archive is whole, and something else.
var ErrNoWorkbook = errors.New("it is an archive, and not an Excel workbook: unpack it first")

func damagedPart(name string, err error) error {
	if errors.Is(err, ErrDamaged) || errors.Is(err, errTexts) || errors.Is(err, errRepeated) || errors.Is(err, errCharset) {
		return err
	}
	return fmt.Errorf("%w: its part %s: %w", ErrDamaged, words.Show(name), err)
}

// ErrDamaged says that a workbook is not what its writer left.
var ErrDamaged = errors.New("the workbook is damaged or cut off; get it again, or open it in Excel and save it as a new file")

// A Book is an open workbook, which one goroutine may use. Its parts are streamed out of
// the archive, but for the shared texts.
type Book struct {
	size   int64
	parts  map[string]*zip.File // by name in lower case, as Excel takes names
	sheets []Sheet              // those with cells, in their order
	texts  *sharedTexts         // nil: there are none
	styles []cellStyle          // by the number that a cell has
	codes  map[string][]codeSection
	from04 bool // days are counted from 1904
	recalc bool // whoever wrote it left formulas to be computed when it is opened
}

// A Sheet is one worksheet.
type Sheet struct {
	Name   string
	part   string
	hidden bool
}

// Open opens a workbook of that many bytes, and reads all but its sheets.
func Open(r io.ReaderAt, size int64) (*Book, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	b := &Book{size: size, parts: make(map[string]*zip.File)}
	if err := b.index(archive.File); err != nil {
		return nil, err
	}
	root, err := b.relations("", "officedocument")
	if err != nil {
		return nil, err
	}
	if len(root) == 0 || b.parts[root[0].part] == nil || strings.HasSuffix(root[0].part, ".bin") {
		return nil, ErrNoWorkbook
	}
	end, err := checkLayout(r, archive.File)
	if err == nil {
		err = checkEnd(r, size, end, archive.Comment)
	}
	if err != nil {
		return nil, err
	}
	return b, b.readWorkbook(root[0].part)
}

// index finds the parts by name, and refuses an archive that is too large or holds
// two parts of one name.
func (b *Book) index(files []*zip.File) error {
	if len(files) > maxParts {
		return fmt.Errorf("it holds %d parts; %d at most", len(files), maxParts)
	}
	var unpacked uint64
	for _, f := range files {
		name := partName("", f.Name)
		switch {
		case strings.HasSuffix(f.Name, "/"):
			continue // a folder
		case f.Flags&1 != 0:
			return fmt.Errorf("its part %s is encrypted: save it without a password", words.Show(f.Name))
		case b.parts[name] != nil:
			return fmt.Errorf("%w: there are two parts named %s", ErrDamaged, words.Show(f.Name))
		case f.UncompressedSize64 > maxUnpacked-unpacked:
			return fmt.Errorf("it is larger than %d GiB when unpacked: save the sheet as CSV", maxUnpacked>>30)
		case f.CRC32 == 0 && f.UncompressedSize64 > 0:
			return damagedPart(f.Name, errors.New("it has no checksum"))
		}
		unpacked += f.UncompressedSize64
		b.parts[name] = f
	}
	return nil
}

// partName is the name of a part that another one in that folder calls name.
func partName(folder, name string) string {
	name = strings.ReplaceAll(name, `\`, "/") // written by an old .NET
	if !strings.HasPrefix(name, "/") {
		name = folder + "/" + name
	}
	return strings.ToLower(strings.TrimPrefix(path.Clean("/"+name), "/"))
}

// checkLayout compares the table at the end of the archive, which has no checksum, with
// the header before each part: the names and the methods are the same, and no two
// parts share bytes. It returns where the last one ends.
func checkLayout(r io.ReaderAt, files []*zip.File) (end int64, err error) {
	type extent struct {
		file  *zip.File
		start int64 // of the data
	}
	extents := make([]extent, 0, len(files))
	for _, f := range files {
		start, err := f.DataOffset()
		if err != nil {
			return 0, damagedPart(f.Name, err)
		}
		extents = append(extents, extent{f, start})
	}
	slices.SortFunc(extents, func(a, b extent) int { return cmp.Compare(a.start, b.start) })
	for i, e := range extents {
		at := headerOf(r, e.file, end, e.start)
		if at < 0 {
			return 0, damagedPart(e.file.Name, errors.New("its place in the archive is not where the table of the archive says"))
		}
		if i == 0 && at > 0 {
			return 0, fmt.Errorf("%w: something stands before it in the file, such as another workbook", ErrDamaged)
		}
		end = e.start + int64(e.file.CompressedSize64)
	}
	return end, nil
}

// checkEnd looks for something behind the archive or between its parts and their table,
// which would not be read. NUL bytes are nothing.
func checkEnd(r io.ReaderAt, size, parts int64, comment string) error {
	const fixed, longest, locator, record64 = 22, 22 + 1<<16, 20, 76 // bytes of the end of an archive
	tail := make([]byte, min(size, longest))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && err != io.EOF {
		return err
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	end := at + fixed + len(comment)
	if at < 0 || end > len(tail) || len(bytes.Trim(tail[end:], "\x00")) > 0 {
		return fmt.Errorf("%w: something stands behind it in the file, such as another workbook", ErrDamaged)
	}
	table := size - int64(len(tail)-at) - int64(binary.LittleEndian.Uint32(tail[at+12:]))
	if at >= locator && string(tail[at-locator:at-locator+4]) == "PK\x06\x07" {
		table -= record64
	}
	gap := make([]byte, max(0, min(table-parts, longest)))
	if _, err := r.ReadAt(gap, parts); err != nil || bytes.Contains(gap, []byte("PK\x01\x02")) || len(gap) == longest {
		return fmt.Errorf("%w: something stands between its parts and their table, such as another workbook", ErrDamaged)
	}
	return nil
}

// headerOf finds the header of a part between the end of the part before it and its data.
// It is negative where there is none.
func headerOf(r io.ReaderAt, f *zip.File, from, data int64) int64 {
	const fixed = 30 // bytes of the header before the name
	from = max(from, data-fixed-2<<16)
	if from > data-fixed || int64(f.CompressedSize64) < 0 {
		return -1
	}
	gap := make([]byte, data-from)
	if _, err := r.ReadAt(gap, from); err != nil {
		return -1
	}
	for at := 0; at+fixed <= len(gap); at++ {
		h := gap[at:]
		if h[0] != 'P' || h[1] != 'K' || h[2] != 3 || h[3] != 4 {
			continue
		}
		method, name, extra := binary.LittleEndian.Uint16(h[8:]), int(binary.LittleEndian.Uint16(h[26:])), int(binary.LittleEndian.Uint16(h[28:]))
		if fixed+name+extra == len(h) {
			if method == f.Method && string(h[fixed:fixed+name]) == f.Name {
				return from + int64(at)
			}
			return -1
		}
	}
	return -1
}

// Verify reads every part to its end, where the archive holds its checksum.
func (b *Book) Verify() error {
	for _, f := range b.parts {
		r, err := f.Open()
		if err == nil {
			_, err = io.Copy(io.Discard, r)
			r.Close()
		}
		if err != nil {
			return damagedPart(f.Name, err)
		}
	}
	return nil
}

// open opens a part for reading.
func (b *Book) open(name string, most uint64) (*partReader, error) {
	f := b.parts[name]
	if f == nil {
		return nil, damagedPart(name, errors.New("it is missing"))
	}
	if f.UncompressedSize64 > most {
		return nil, damagedPart(name, fmt.Errorf("it is larger than %d MiB", most>>20))
	}
	r, err := f.Open()
	if err != nil {
		return nil, damagedPart(name, err)
	}
	return newPartReader(f.Name, r), nil
}

func (b *Book) decode(name string, v any) error {
	p, err := b.open(name, maxListing)
	if err != nil {
		return err
	}
	defer p.close()
	return p.decode(v)
}

// A relation leads from a part to another one.
type relation struct{ id, kind, part string }

// relations are those of a part; of one kind if that is given. The last element of a
// kind's address is the same in both editions of the standard.
func (b *Book) relations(of, kind string) ([]relation, error) {
	folder, base := path.Split(of)
	name := partName(folder, "_rels/"+base+".rels")
	if b.parts[name] == nil {
		return nil, nil
	}
	var list struct {
		Relations []struct {
			ID     string `xml:"Id,attr"`
			Type   string `xml:",attr"`
			Target string `xml:",attr"`
			Mode   string `xml:"TargetMode,attr"`
		} `xml:"Relationship"`
	}
	if err := b.decode(name, &list); err != nil {
		return nil, err
	}
	var all []relation
	for _, r := range list.Relations {
		is := strings.ToLower(path.Base(r.Type))
		if r.Mode != "External" && (kind == "" || kind == is) {
			all = append(all, relation{r.ID, is, partName(folder, r.Target)})
		}
	}
	return all, nil
}

// readWorkbook reads the part that lists the sheets, and what they share.
func (b *Book) readWorkbook(name string) error {
	var w struct {
		XMLName    xml.Name
		Properties struct {
			From04 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Computing struct {
			OnLoad string `xml:"fullCalcOnLoad,attr"`
		} `xml:"calcPr"`
		Sheets []struct {
			Name  string `xml:"name,attr"`
			State string `xml:"state,attr"`
			ID    string `xml:"id,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := b.decode(name, &w); err != nil {
		return err
	}
	if w.XMLName.Local != "workbook" {
		return ErrNoWorkbook
	}
	b.from04, b.recalc = isTrue(w.Properties.From04), isTrue(w.Computing.OnLoad)
	relations, err := b.relations(name, "")
	if err != nil {
		return err
	}
	byID := make(map[string]relation, len(relations))
	for _, r := range relations {
		byID[r.id] = r
	}
	for _, s := range w.Sheets {
		r, ok := byID[s.ID]
		if !ok {
			return damagedPart(name, fmt.Errorf("the sheet %s is nowhere", words.Show(s.Name)))
		}
		if r.kind == "worksheet" { // not a chart, a dialog, or macros
			b.sheets = append(b.sheets, Sheet{s.Name, r.part, s.State == "hidden" || s.State == "veryHidden"})
		}
	}
	return b.readShared(relations)
}

// readShared reads the parts that all sheets share.
func (b *Book) readShared(relations []relation) (err error) {
	for _, r := range relations {
		switch {
		case r.kind == "styles" && b.styles == nil:
			err = b.readStyles(r.part)
		case r.kind == "sharedstrings" && b.texts == nil:
			err = b.readTexts(r.part)
		case r.kind == "styles", r.kind == "sharedstrings":
			err = damagedPart(r.part, errors.New("there are two of its kind"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *Book) readTexts(name string) error {
	p, err := b.open(name, maxUnpacked)
	if err != nil {
		return err
	}
	defer p.close()
	b.texts, err = readTexts(p, textsOf(b.size))
	return err
}

// textsOf is how many bytes the shared texts may take of a workbook of that size.
func textsOf(size int64) int { return int(min(max(minTexts, 8*size), maxTexts)) }

// isTrue reads a boolean of XML.
func isTrue(s string) bool { return s == "1" || s == "true" }

// Pick returns the sheet of that name, or the first visible one where there is none.
func (b *Book) Pick(name string) (Sheet, error) {
	for _, s := range b.sheets {
		if name == "" && !s.hidden || s.Name == name {
			return s, nil
		}
	}
	for _, s := range b.sheets {
		if name != "" && strings.EqualFold(strings.TrimSpace(s.Name), strings.TrimSpace(name)) {
			return s, nil // as Excel compares them
		}
	}
	others := b.Others(Sheet{})
	switch {
	case others == "":
		return Sheet{}, errors.New("the workbook has no sheet with cells")
	case name == "":
		return Sheet{}, fmt.Errorf("all sheets of the workbook are hidden: say with --sheet which one to read; it has %s", others)
	}
	return Sheet{}, fmt.Errorf("the workbook has no sheet %s; it has %s%s", words.Show(name), others, words.DidYouMean(name, b.Names()))
}

// Names are the names of all sheets, in their order.
func (b *Book) Names() []string {
	names := make([]string, len(b.sheets))
	for i, s := range b.sheets {
		names[i] = s.Name
	}
	return names
}

// Others names the sheets but for one, for a message; it is empty where there are none.
func (b *Book) Others(than Sheet) string {
	const most = 12
	var shown []string
	for i, s := range b.sheets {
		if len(shown) == most {
			shown = append(shown, fmt.Sprintf("and %d more", len(b.sheets)-i))
			break
		}
		name := words.Show(s.Name)
		if s.hidden {
			name += " (hidden)"
		}
		if s != than {
			shown = append(shown, name)
		}
	}
	return strings.Join(shown, ", ")
}
