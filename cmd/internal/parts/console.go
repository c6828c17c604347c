package parts

import (
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"
)

// console writes log lines for people: in colours if they come to a terminal, and
// without them if to a file or a pipe.
func console(out, to io.Writer) io.Writer {
	return zerolog.ConsoleWriter{Out: out, TimeFormat: time.TimeOnly, NoColor: !isTerminal(to)}
}

func isTerminal(to io.Writer) bool {
	f, is := to.(*os.File)
	if !is {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
