package db

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// placeLook is how long the writer trusts its last look: one before each transaction
// took a tenth of its time.
const placeLook = 20 * time.Millisecond

// place is where the database's files were when it was opened. On a file that was
// removed or replaced under it SQLite goes on, and all that is then committed is
// gone with the process, or, where another has opened what stands there now, spoils
// that.
type place map[string]os.FileInfo

// placeOf is asked while connections are open: SQLite then removes no file of these.
func placeOf(file string) (place, error) {
	p := make(place)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(file + suffix)
		if err != nil {
			return nil, err
		}
		p[file+suffix] = info
	}
	return p, nil
}

// check says whether one is no longer there. What cannot be looked at is not called
// gone: that the files can be used says SQLite.
func (p place) check() error {
	for path, was := range p {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s was removed while it is in use", path)
		case err == nil && !os.SameFile(was, info):
			return fmt.Errorf("%s was replaced while it is in use", path)
		}
	}
	return nil
}
