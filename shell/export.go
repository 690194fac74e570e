package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"darkchat/neighbors"
)

// defaultExport is the file that \export-contacts writes when none is named.
const defaultExport = "darkchat-contacts.txt"

// overwrite is the word that lets \export-contacts replace a file.
const overwrite = "overwrite"

type exportReport struct {
	Event string `json:"event"`
	File  string `json:"file"`
	Users int    `json:"users"`
}

func exportContacts(c *conversation, args []string) error {
	path := defaultExport
	if len(args) > 0 {
		path = args[0]
	}
	if len(args) == 2 && args[1] != overwrite {
		return fmt.Errorf(`%q is not known here: \export-contacts %s %s replaces the file`, args[1], path, overwrite)
	}
	if c.export == nil {
		return errors.New("this shell writes no files")
	}
	text, users := contactsText(c.node.Contacts())
	if err := c.export(path, text, len(args) == 2); err != nil {
		return err
	}
	c.put(exportReport{Event: "export_contacts", File: path, Users: users})
	return nil
}

// contactsText writes contacts as the presence source file reads them, one a line.
// Users without a known address become comments: the source could do nothing with them.
func contactsText(list []neighbors.Contact) (text string, users int) {
	var b strings.Builder
	b.WriteString("# NAME FINGERPRINT ADDRESS...  Put this file into a state folder as \"contacts\".\n")
	for _, p := range list {
		if len(p.Addrs) == 0 {
			fmt.Fprintf(&b, "# %s %s (no address is known)\n", p.Name, p.Fingerprint)
			continue
		}
		users++
		fmt.Fprintf(&b, "%s %s", p.Name, p.Fingerprint)
		for _, a := range p.Addrs {
			fmt.Fprintf(&b, " %s", a)
		}
		b.WriteByte('\n')
	}
	return b.String(), users
}

// WriteExport writes the whole file or nothing, readable only by its owner. Unless replace is set it
// claims the name first, so that no existing file is lost.
func WriteExport(path, text string, replace bool) error {
	if !replace {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		switch {
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf(`%s exists: \export-contacts %s %s replaces it`, path, path, overwrite)
		case err != nil:
			return fmt.Errorf("cannot be written: %w", err)
		}
		_ = f.Close() // nothing is in it yet
	} else if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		// A link planted by somebody, a FIFO, a device that the system needs.
		return fmt.Errorf("%s is not a regular file and is not replaced: choose another name", path)
	}
	err := renameio.WriteFile(path, []byte(text), 0o600,
		renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o600))
	if err == nil {
		return nil
	}
	if !replace {
		_ = os.Remove(path) // ours, and empty
	}
	return fmt.Errorf("cannot be written: %w", err)
}

func (r exportReport) text(p *page, _ view) {
	p.line(normal, plural(r.Users, "user")+" written to "+r.File)
}
