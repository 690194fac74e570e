package store

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// recorder watches the system calls of processes, one after the other, and notes what
// they do to the files below root: all of it, whoever in them does it, bbolt and
// renameio too. Nothing in the product knows of it.
type recorder struct {
	root  string
	ops   []fileOp
	names map[string]int // files by path, as the processes see them
	files int
	began time.Time

	open  map[int]*openedFile // of the present process, by descriptor
	calls map[int]*call       // by thread
}

type openedFile struct {
	path   string
	file   int // 0: a folder
	off    int64
	append bool
}

// call is a system call that a thread is in.
type call struct {
	nr    uint64
	args  [6]uint64
	path  string
	to    string
	data  []byte
	begun int
	file  *openedFile
}

// syscallInfo is struct ptrace_syscall_info of the kernel.
type syscallInfo struct {
	op   uint8
	_    [3]uint8
	arch uint32
	_    [2]uint64
	nr   uint64 // at the entry; at the exit what is returned
	args [6]uint64
	_    [2]uint64
}

const (
	atEntry = 1
	atExit  = 2
)

func newRecorder(root string) *recorder {
	return &recorder{root: root, names: map[string]int{}, began: time.Now()}
}

// run records one process to its end. It is to be called on one thread for all.
func (r *recorder) run(t *testing.T, env string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	r.open, r.calls = map[int]*openedFile{}, map[int]*call{}
	pid, err := syscall.ForkExec(self, []string{self, "-test.run=^TestChild$"}, &syscall.ProcAttr{
		Env: append(os.Environ(), env), Files: []uintptr{null.Fd(), null.Fd(), os.Stderr.Fd()},
		Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Skipf("no process can be watched here: %v", err)
	}
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, 0, nil); err != nil || !status.Stopped() {
		t.Skipf("no process can be watched here: %v, %v", status, err)
	}
	err = unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL)
	if err != nil {
		t.Skipf("no process can be watched here: %v", err)
	}
	r.follow(t, pid)
}

func (r *recorder) follow(t *testing.T, pid int) {
	t.Helper()
	known := map[int]bool{pid: true}
	next, signal := pid, 0
	for {
		if next != 0 {
			_ = unix.PtraceSyscall(next, signal) // it may be gone: then that is told below
		}
		var status unix.WaitStatus
		tid, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		if err == unix.EINTR {
			next = 0
			continue
		}
		if err != nil {
			t.Fatalf("waiting for the recorded process: %v", err)
		}
		next, signal = tid, 0
		switch {
		case status.Exited() || status.Signaled():
			if tid == pid {
				if status.ExitStatus() != 0 {
					t.Fatalf("the recorded process ended with %d", status.ExitStatus())
				}
				return
			}
			next = 0
		case status.StopSignal() == unix.SIGTRAP|0x80:
			if err := r.stop(tid); err != nil {
				t.Fatal(err)
			}
		case status.StopSignal() == unix.SIGTRAP:
			// a thread was made, or the program began
		case status.StopSignal() == unix.SIGSTOP && !known[tid]:
			known[tid] = true
		default:
			signal = int(status.StopSignal())
		}
	}
}

// stop is a thread at the entry or the exit of a system call.
func (r *recorder) stop(tid int) error {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno == unix.ESRCH {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("the kernel does not tell of system calls: %w", errno)
	}
	switch info.op {
	case atEntry:
		c := &call{nr: info.nr, args: info.args, begun: len(r.ops), file: r.open[int(info.args[0])]}
		r.calls[tid] = c
		return r.enter(tid, c)
	case atExit:
		c := r.calls[tid]
		delete(r.calls, tid)
		if result := int64(info.nr); c != nil && result >= 0 {
			return r.leave(c, result)
		}
	}
	return nil
}

// enter reads what a call is given.
func (r *recorder) enter(tid int, c *call) (err error) {
	switch c.nr {
	case unix.SYS_OPENAT, unix.SYS_MKDIRAT, unix.SYS_UNLINKAT:
		c.path, err = readString(tid, c.args[1])
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		if c.path, err = readString(tid, c.args[1]); err == nil {
			c.to, err = readString(tid, c.args[3])
		}
	case unix.SYS_CLOSE: // before another thread can be given the number
		delete(r.open, int(c.args[0]))
	case unix.SYS_WRITE, unix.SYS_PWRITE64:
		if c.file != nil || c.args[0] == 1 {
			c.data = make([]byte, c.args[2])
			err = readMemory(tid, c.args[1], c.data)
		}
	}
	return err
}

// leave notes what a call that succeeded has done.
func (r *recorder) leave(c *call, result int64) error {
	f := c.file
	switch c.nr {
	case unix.SYS_OPENAT:
		if r.below(c.path) {
			r.opened(c, int(result))
		}
	case unix.SYS_MKDIRAT:
		if r.below(c.path) {
			r.note(fileOp{kind: opFolder, path: c.path})
		}
	case unix.SYS_UNLINKAT:
		if r.below(c.path) {
			delete(r.names, c.path)
			r.note(fileOp{kind: opRemove, path: c.path})
		}
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		if r.below(c.path) || r.below(c.to) {
			r.names[c.to] = r.names[c.path]
			delete(r.names, c.path)
			r.note(fileOp{kind: opRename, path: c.path, to: c.to, file: r.names[c.to]})
		}
	case unix.SYS_WRITE:
		switch {
		case f != nil:
			off := f.off
			if f.append {
				return fmt.Errorf("%s is appended to: the recorder does not know where", f.path)
			}
			f.off += result
			r.note(fileOp{kind: opWrite, path: f.path, file: f.file, off: off, data: c.data[:result]})
		case c.args[0] == 1:
			for _, line := range strings.Split(strings.TrimSuffix(string(c.data[:result]), "\n"), "\n") {
				r.note(fileOp{kind: opSay, path: line})
			}
		}
	case unix.SYS_PWRITE64:
		if f != nil {
			r.note(fileOp{kind: opWrite, path: f.path, file: f.file, off: int64(c.args[3]), data: c.data[:result]})
		}
	case unix.SYS_LSEEK:
		if f != nil {
			f.off = result
		}
	case unix.SYS_READ:
		if f != nil {
			f.off += result
		}
	case unix.SYS_FTRUNCATE:
		if f != nil {
			r.note(fileOp{kind: opCut, path: f.path, file: f.file, size: int64(c.args[1])})
		}
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		if f != nil {
			r.note(fileOp{kind: opSync, path: f.path, file: f.file, begun: c.begun})
		}
	case unix.SYS_WRITEV, unix.SYS_PWRITEV, unix.SYS_FALLOCATE, unix.SYS_COPY_FILE_RANGE, unix.SYS_SENDFILE, unix.SYS_SPLICE:
		if f != nil {
			return fmt.Errorf("system call %d on %s is not known to the recorder", c.nr, f.path)
		}
	case unix.SYS_LINKAT:
		if r.below(c.to) {
			return fmt.Errorf("%s is linked: that is not known to the recorder", c.to)
		}
	}
	return nil
}

func (r *recorder) below(path string) bool {
	return path == r.root || strings.HasPrefix(path, r.root+"/")
}

func (r *recorder) opened(c *call, fd int) {
	flags := c.args[2]
	o := &openedFile{path: c.path, file: r.names[c.path], append: flags&unix.O_APPEND != 0}
	r.open[fd] = o
	info, err := os.Lstat(c.path)
	switch {
	case o.file == 0 && (err != nil || info.IsDir()):
	case o.file == 0:
		r.files++
		o.file = r.files
		r.names[c.path] = o.file
		r.note(fileOp{kind: opMake, path: c.path, file: o.file})
	case flags&unix.O_TRUNC != 0:
		r.note(fileOp{kind: opCut, path: c.path, file: o.file})
	}
}

func (r *recorder) note(o fileOp) {
	o.at = time.Since(r.began)
	r.ops = append(r.ops, o)
}

func readString(tid int, at uint64) (string, error) {
	var s []byte
	for len(s) < unix.PathMax {
		b := make([]byte, min(256, 4096-at%4096)) // never beyond a page that may be the last
		if err := readMemory(tid, at, b); err != nil {
			return "", err
		}
		if end := bytes.IndexByte(b, 0); end >= 0 {
			return filepath.Clean(string(append(s, b[:end]...))), nil
		}
		s, at = append(s, b...), at+uint64(len(b))
	}
	return "", unix.ENAMETOOLONG
}

func readMemory(tid int, at uint64, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	local := unix.Iovec{Base: &b[0]}
	local.SetLen(len(b))
	n, err := unix.ProcessVMReadv(tid, []unix.Iovec{local}, []unix.RemoteIovec{{Base: uintptr(at), Len: len(b)}}, 0)
	if err != nil || n < len(b) {
		return fmt.Errorf("reading what a system call is given: %d of %d bytes, %v", n, len(b), err)
	}
	return nil
}

// recordedOn runs f on a thread of its own, as watching a process asks for.
func recordedOn(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with f
		f()
	}()
	<-done
}
