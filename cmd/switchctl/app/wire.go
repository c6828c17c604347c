package app

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"wxswitch/codec/iso"
)

func wireCommand() *cobra.Command {
	var dialect string
	decode := &cobra.Command{
		Use: "decode --dialect NAME|FILE", Short: "Read messages in hexadecimal and say what is in them", Args: cobra.NoArgs,
		Long: `Reads messages in hexadecimal from standard input, with or without their length
prefix, and prints each as JSON: every field by number and name, secrets masked.
Blanks and line breaks may stand anywhere; an empty line ends a message.

A message that breaks a rule of the dialect is shown as far as it can be read,
with the rule, and ends in exit code 1.

Built-in dialects: ` + strings.Join(iso.Builtins(), ", ") + `.`,
		Example: `  switchctl wire decode --dialect cups < testdata/wire/cups/balance-request.hex
  switchctl wire decode --dialect banks/wlmq.yaml < captured.hex`,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			d, err := iso.Open(dialect)
			if err != nil {
				return err
			}
			return decodeAll(d, cmd.InOrStdin(), cmd.OutOrStdout())
		}),
	}
	decode.Flags().StringVar(&dialect, "dialect", "", "a built-in dialect or a dialect file")
	_ = decode.MarkFlagRequired("dialect")
	return group("wire", "Bank messages as they travel", nil, decode)
}

// maxLine bounds a line of hexadecimal digits; maxMessage a whole message, far
// above what any length prefix can say.
const (
	maxLine    = 256 << 10
	maxMessage = 1 << 20
)

var errBroken = errors.New("a message breaks the dialect's rules")

func decodeAll(d *iso.Dialect, in io.Reader, out io.Writer) error {
	var broken error
	seen := false
	err := messages(in, func(raw []byte) error {
		seen = true
		reading := iso.Describe(d, raw)
		if reading.Error != "" {
			broken = errBroken
		}
		return printJSON(out, reading)
	})
	switch {
	case err != nil:
		return err
	case !seen:
		return errors.New("nothing on standard input")
	}
	return broken
}

// messages hands on each message of hexadecimal text. Errors name the line,
// never what stands there.
func messages(in io.Reader, each func(raw []byte) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	var raw []byte
	half := "" // a digit whose pair stands in the next line
	for n := 1; ; n++ {
		more := lines.Scan()
		if err := lines.Err(); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		digits := strings.Join(strings.Fields(lines.Text()), "")
		switch {
		case digits == "" && half != "":
			return fmt.Errorf("line %d: not pairs of hexadecimal digits", n-1)
		case digits == "" && len(raw) > 0:
			if err := each(raw); err != nil {
				return err
			}
			raw = nil
		}
		if !more {
			return nil
		}
		digits = half + digits
		pairs := len(digits) &^ 1
		half = digits[pairs:]
		part, err := hex.DecodeString(digits[:pairs])
		if err != nil || strings.Trim(half, "0123456789abcdefABCDEF") != "" {
			return fmt.Errorf("line %d: not pairs of hexadecimal digits", n)
		}
		if raw = append(raw, part...); len(raw) > maxMessage {
			return fmt.Errorf("line %d: a message is longer than %d bytes", n, maxMessage)
		}
	}
}
