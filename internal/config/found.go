package config

import (
	"errors"
	"fmt"
	"os"

	"importer/internal/files"
)

// openFound opens the configuration that lies in the working folder and that nobody
// named. It says where the API key goes: it is refused where somebody else than this
// user and root may have written it. The folder itself does not matter: who can put a
// file there owns it.
func openFound(path string) (_ *os.File, err error) {
	link, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	target, err := os.Stat(path) // before it is opened: opening a pipe waits for who writes to it
	if err != nil {
		return nil, err
	}
	if !target.Mode().IsRegular() {
		return nil, refuseFound(path, "it is no ordinary file", "move it away")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	for _, of := range []os.FileInfo{link, info} {
		if owner := files.Stranger(of); owner != "" {
			return nil, refuseFound(path, owner+" owns it", "look at what it says, and chown it to yourself")
		}
	}
	if others := files.Others(info, 2); others != "" {
		return nil, refuseFound(path, fmt.Sprintf("%s may write it (%v)", others, info.Mode().Perm()), "look at what it says, and chmod go-w "+path)
	}
	return f, nil
}

func refuseFound(path, why, wayOut string) error {
	return Errorf("the configuration %s, which was found in this folder, is not used: %s, and it would say where the API key and the contacts go; %s, or name it with --config %s if you trust it, or go without any with --config %s", path, why, wayOut, path, os.DevNull)
}

// KeyFileReaders says who else may read the file of the API key, and what to do; empty:
// nobody, or it is not there, or it lies on a mount that cannot be written to, as the
// secrets of a container do, where nobody else is.
func KeyFileReaders(path string) string { return readers(path, "the API key") }

// StoreReaders says the same of a configuration with the address of a store, in which a
// password stands; empty where the address is from elsewhere.
func (c Config) StoreReaders() string {
	if !c.StoreInFile {
		return ""
	}
	return readers(c.File, "the password of the store")
}

func readers(path, what string) string {
	info, err := os.Stat(path)
	if path == "" || err != nil || files.ReadOnly(path) {
		return ""
	}
	if owner := files.Stranger(info); owner != "" {
		return fmt.Sprintf("%s is owned by %s, who can read %s: chown it to yourself", path, owner, what)
	}
	if others := files.Others(info, 4); others != "" {
		return fmt.Sprintf("%s may be read by %s (%v), and holds %s: chmod 600 it", path, others, info.Mode().Perm(), what)
	}
	return ""
}
