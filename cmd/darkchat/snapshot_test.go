package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// snapshot maps every file below a folder to its content.
func snapshot(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		files[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// sameFiles fails when a file of before is gone or has changed.
func sameFiles(t testing.TB, before, after map[string]string) {
	t.Helper()
	for path, text := range before {
		if now, ok := after[path]; !ok {
			t.Errorf("%s is gone", path)
		} else if now != text {
			t.Errorf("%s has changed", path)
		}
	}
}

// copyTree copies a state folder, as a person with a backup would.
func copyTree(t testing.TB, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(fmt.Errorf("copying a state folder: %w", err))
	}
}
