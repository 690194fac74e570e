package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"darkchat/sessions/kv"
)

// The store is one bbolt file with a bbolt bucket for each Bucket. The bucket "meta" holds
// the format of the file and the number of the last journal compacted into it (compaction is a
// checkpoint: it moves a journal's rows into the store). The compacting transaction writes that
// number, so that a journal which outlives its compaction is never replayed over later rows.
// Every transaction is synced; bbolt never runs with NoSync.
const (
	// storeFormat rises with every new Bucket, and journalFormat with it.
	storeFormat = 1
	// loadChunk is how many entries are copied out in one read transaction.
	loadChunk = 1024
	// storeLock is how long to wait for another process that has the file open; only a
	// program that ignores the slot's lock can.
	storeLock = time.Second
)

// The keys of the bucket "meta".
const (
	metaFormat    = "format"
	metaCompacted = "folded"
	metaPlace     = "place" // of the last line of the history
)

// The first compaction makes the file, not the first start, for which a person waits.
type database struct {
	bolt      atomic.Pointer[bbolt.DB] // nil until there is a file
	path      string
	compacted uint64   // journals up to this number are in it
	place     uint64   // of the last line of the history
	past      *archive // where the history goes; nil: nowhere
}

// guarded turns the panics of bbolt on a damaged file, and the memory faults of reading a file
// that is shorter than it claims, into ErrDamaged.
func guarded(f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	return f()
}

// openDatabase opens the store at path, if there is one, and reads all of it once. It fails with
// ErrDamaged, ErrNewer or the system's error, and has then changed nothing.
func openDatabase(path string) (*database, error) {
	d := &database{path: path}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d, nil
	case err != nil:
		return nil, err
	case info.Size() == 0:
		return nil, fmt.Errorf("%w: it is empty", ErrDamaged) // bbolt would fill it
	}
	if err := d.open(); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *database) open() error {
	return guarded(func() error {
		b, err := openBolt(d.path)
		if err != nil {
			return err
		}
		d.bolt.Store(b)
		return b.View(d.inspect)
	})
}

// create makes an empty store under a temporary name, so that a crash leaves none or a whole one.
func (d *database) create() error {
	draft := d.path + ".new"
	if err := os.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := openBolt(draft)
	if err != nil {
		return err
	}
	err = b.Update(func(tx *bbolt.Tx) error {
		for bucket := kv.BucketMeta; bucket <= kv.LastStored; bucket++ {
			if _, err := tx.CreateBucket([]byte(bucket.String())); err != nil {
				return err
			}
		}
		return putNumber(tx, metaFormat, storeFormat)
	})
	if err := errors.Join(err, b.Close()); err != nil {
		return err
	}
	if err := os.Rename(draft, d.path); err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(d.path)); err != nil {
		return err
	}
	return d.open()
}

func openBolt(path string) (*bbolt.DB, error) {
	b, err := bbolt.Open(path, fileMode, &bbolt.Options{
		Timeout:      storeLock,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,
		OpenFile:     OpenRegular,
	})
	if err == nil {
		// A process that died between its last write and the sync has left pages that are
		// not on disk yet. Without a sync, this run would build on them and overwrite pages
		// that the file on disk still uses.
		if err = b.Sync(); err == nil {
			return b, nil
		}
		b.Close()
	}
	var pe *fs.PathError
	var errno syscall.Errno
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, errLocked
	case errors.As(err, &pe), errors.As(err, &errno):
		return nil, err
	}
	return nil, fmt.Errorf("%w: %v", ErrDamaged, err)
}

// inspect reads the format and then every page of the file.
func (d *database) inspect(tx *bbolt.Tx) error {
	format, err := getNumber(tx, metaFormat)
	switch {
	case err != nil:
		return err
	case format > storeFormat:
		return fmt.Errorf("%w (format %d, known %d)", kv.ErrNewer, format, storeFormat)
	case format == 0:
		return fmt.Errorf("%w: its format is missing", ErrDamaged)
	}
	if d.compacted, err = getNumber(tx, metaCompacted); err != nil {
		return err
	}
	if d.place, err = getNumber(tx, metaPlace); err != nil {
		return err
	}
	for bucket := kv.BucketMeta; bucket <= kv.LastStored; bucket++ {
		b := tx.Bucket([]byte(bucket.String()))
		if b == nil && bucket > kv.BucketTexts {
			continue // the next compaction will make it
		}
		if b == nil {
			return fmt.Errorf("%w: its %s are missing", ErrDamaged, bucket)
		}
		c := b.Cursor()
		var last []byte
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			if last != nil && string(last) >= string(k) {
				return fmt.Errorf("%w: its %s are out of order", ErrDamaged, bucket)
			}
			last = k
		}
	}
	return nil
}

func putNumber(tx *bbolt.Tx, key string, n uint64) error {
	return tx.Bucket([]byte(kv.BucketMeta.String())).Put([]byte(key), binary.BigEndian.AppendUint64(nil, n))
}

func getNumber(tx *bbolt.Tx, key string) (uint64, error) {
	b := tx.Bucket([]byte(kv.BucketMeta.String()))
	if b == nil {
		return 0, fmt.Errorf("%w: it is not a darkchat store", ErrDamaged)
	}
	switch v := b.Get([]byte(key)); len(v) {
	case 0:
		return 0, nil
	case 8:
		return binary.BigEndian.Uint64(v), nil
	}
	return 0, fmt.Errorf("%w: its %s is wrong", ErrDamaged, key)
}

// compact writes the batches of the journals up to number into the store in one synced transaction.
// Compacting the same journals twice changes nothing.
func (d *database) compact(batches [][]kv.Write, number uint64) error {
	if number <= d.compacted {
		return nil
	}
	var rows latestWrites
	for _, batch := range batches {
		rows.add(batch)
	}
	return d.compactRows(rows.writes(), number)
}

// compactRows is compact for the last write to each key, in order.
func (d *database) compactRows(last []kv.Write, number uint64) error {
	if number <= d.compacted || len(last) == 0 {
		return nil
	}
	if d.bolt.Load() == nil {
		if err := d.create(); err != nil {
			return err
		}
	}
	place := d.place
	n := slices.IndexFunc(last, func(w kv.Write) bool { return w.Bucket == kv.BucketHistory })
	said := []kv.Write(nil)
	if n >= 0 {
		last, said = last[:n], last[n:]
	}
	if d.past != nil && d.past.limit > 0 {
		if err := d.past.compact(said, befriendedIn(last), time.Now()); err != nil {
			return err
		}
		if n >= 0 && len(said[len(said)-1].Key) >= historyKey {
			place = max(place, binary.BigEndian.Uint64(said[len(said)-1].Key))
		}
	}
	err := guarded(func() error {
		return d.bolt.Load().Update(func(tx *bbolt.Tx) error {
			var b *bbolt.Bucket
			for i, w := range last {
				giveWay(i)
				var err error
				if i == 0 || w.Bucket != last[i-1].Bucket {
					if b, err = tx.CreateBucketIfNotExists([]byte(w.Bucket.String())); err != nil {
						return err
					}
				}
				if w.Bucket == kv.BucketTexts {
					b.FillPercent = 0.9 // keys rise within a session, so pages may be left full
				}
				if w.Value == nil {
					err = b.Delete(w.Key)
				} else {
					err = b.Put(w.Key, w.Value)
				}
				if err != nil {
					return err
				}
			}
			if err := putNumber(tx, metaPlace, place); err != nil {
				return err
			}
			return putNumber(tx, metaCompacted, number)
		})
	})
	if err == nil {
		d.compacted, d.place = number, place
	}
	return err
}

// clear empties buckets, and writes nothing when they are empty already.
func (d *database) clear(buckets ...kv.Bucket) error {
	b := d.bolt.Load()
	if b == nil {
		return nil
	}
	var full [][]byte
	err := guarded(func() error {
		return b.View(func(tx *bbolt.Tx) error {
			for _, bucket := range buckets {
				name := []byte(bucket.String())
				if k, _ := tx.Bucket(name).Cursor().First(); k != nil {
					full = append(full, name)
				}
			}
			return nil
		})
	})
	if err != nil || len(full) == 0 {
		return err
	}
	return guarded(func() error {
		return b.Update(func(tx *bbolt.Tx) error {
			for _, name := range full {
				if err := tx.DeleteBucket(name); err != nil {
					return err
				}
				if _, err := tx.CreateBucket(name); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// each calls f with a copy of every entry of the bucket, in the order of keys. No transaction is
// open while f runs.
func (d *database) each(bucket kv.Bucket, f func(key, value []byte) error) error {
	var after []byte
	for {
		rows, err := d.rows(bucket, after)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := f(r.Key, r.Value); err != nil {
				return err
			}
		}
		if len(rows) < loadChunk {
			return nil
		}
		after = slices.Clone(rows[len(rows)-1].Key)
	}
}

// rows copies the next entries after a key, at most loadChunk.
func (d *database) rows(bucket kv.Bucket, after []byte) (rows []kv.Write, err error) {
	b := d.bolt.Load()
	if b == nil {
		return nil, nil
	}
	err = guarded(func() error {
		return b.View(func(tx *bbolt.Tx) error {
			rowsOf := tx.Bucket([]byte(bucket.String()))
			if rowsOf == nil {
				return nil
			}
			c := rowsOf.Cursor()
			k, v := c.Seek(after)
			if after != nil && string(k) == string(after) {
				k, v = c.Next()
			}
			for ; k != nil && len(rows) < loadChunk; k, v = c.Next() {
				rows = append(rows, kv.Write{Bucket: bucket, Key: slices.Clone(k), Value: append([]byte{}, v...)})
			}
			return nil
		})
	})
	return rows, err
}

// close closes the file. One too damaged for bbolt to close stays open until the process ends.
func (d *database) close() (err error) {
	if d.past != nil {
		err = d.past.close()
	}
	if b := d.bolt.Load(); b != nil {
		err = errors.Join(err, guarded(b.Close))
	}
	return err
}
