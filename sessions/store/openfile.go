package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// What a file or folder can be instead of what it should be.
var (
	errNotRegular = errors.New("is not a regular file")
	errNotFolder  = errors.New("is not a folder but a link or something else")
)

// OpenRegular is os.OpenFile for a file of ours, which must be a regular file. It never waits for the
// other end of a FIFO, does not follow a link in the last component of path, and truncates nothing
// before it knows what it has opened. So somebody who can plant names in our folder can make us fail,
// and no more.
func OpenRegular(path string, flags int, mode fs.FileMode) (*os.File, error) {
	return openRegular(path, flags|syscall.O_NOFOLLOW, mode)
}

// OpenNamed opens a file for reading that the person names or keeps. A link there is the person's own, and
// is followed, but must lead to a regular file.
func OpenNamed(path string) (*os.File, error) { return openRegular(path, os.O_RDONLY, 0) }

func openRegular(path string, flags int, mode fs.FileMode) (*os.File, error) {
	fail := func(err error) (*os.File, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	if isSpecial(path, flags) {
		return fail(errNotRegular) // a device may act when it is but opened
	}
	empty := flags&os.O_TRUNC != 0
	flags = flags&^os.O_TRUNC | syscall.O_NONBLOCK | syscall.O_CLOEXEC
	fd, err := openAgain(path, flags, mode)
	switch {
	case errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.EMLINK), // a link; FreeBSD says EMLINK
		errors.Is(err, syscall.ENXIO): // a FIFO that nobody reads, or a socket
		return fail(errNotRegular)
	case err != nil:
		return fail(err)
	}
	var st syscall.Stat_t
	if err = syscall.Fstat(fd, &st); err == nil && st.Mode&syscall.S_IFMT != syscall.S_IFREG {
		err = errNotRegular
	}
	if err == nil && empty {
		err = syscall.Ftruncate(fd, 0)
	}
	if err == nil {
		err = syscall.SetNonblock(fd, false) // it makes no difference to regular files, but to the runtime
	}
	if err != nil {
		syscall.Close(fd)
		return fail(err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// isSpecial says that something other than a regular file is at path. If nothing is there, or it cannot be
// examined, opening it will tell.
func isSpecial(path string, flags int) bool {
	look := os.Stat
	if flags&syscall.O_NOFOLLOW != 0 {
		look = os.Lstat
	}
	info, err := look(path)
	return err == nil && !info.Mode().IsRegular()
}

// openAgain opens a file, trying again when a signal interrupts it.
func openAgain(path string, flags int, mode fs.FileMode) (fd int, err error) {
	for {
		fd, err = syscall.Open(path, flags, uint32(mode.Perm()))
		if !errors.Is(err, syscall.EINTR) {
			return fd, err
		}
	}
}

// ReadRegular reads a whole opened file, up to most bytes.
func ReadRegular(f *os.File, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("is larger than %d bytes", most)
	}
	return b, err
}

// folderFault says why our state cannot be in a folder, or nothing: it must be a folder itself, not a link
// to one, and belong to the user who runs us. In anybody else's folder they choose what we open, even if we
// have the rights to do anything.
func folderFault(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return fault(path, err, "choose another folder with -state")
	case !info.IsDir():
		return fault(path, errNotFolder, "move it away, or choose another folder with -state")
	}
	if owner, ok := ownerOf(info); ok && owner != os.Geteuid() {
		return foreign(path, owner)
	}
	return nil
}

// baseFault is folderFault for the folder that -state names. A link to it is the person's own. It may belong
// to the system, as /tmp or a folder made by an administrator, if only its owner can rename what is in it.
func baseFault(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fault(path, err, "choose another folder with -state")
	}
	owner, ok := ownerOf(info)
	switch {
	case !ok, owner == os.Geteuid():
		return nil
	case owner != 0:
		return foreign(path, owner)
	case openToOthers(info):
		return fault(path, errors.New("can be changed by anybody"), "choose another folder with -state")
	}
	return nil
}

// openToOthers says that others than the owner may rename files in a folder.
func openToOthers(info fs.FileInfo) bool {
	return info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0
}
