// Package codec is the vocabulary of bank messages: what a message says,
// apart from how a bank wants it written.
//
// A [Message] is a transaction [Type], a direction, and fields by name
// ([Fields]). It knows nothing of ISO 8583. A [Dialect] writes it as the bytes
// that one bank expects and reads the bank's bytes back:
//
//	m := codec.NewRequest(codec.Balance)
//	m.Set(codec.FieldPAN, "6210081234567890")
//	m.Set(codec.FieldSTAN, "000123")
//	raw, err := dialect.Pack(m)       // the bytes of the message, unframed
//	head, err := dialect.Peek(reply)  // enough to pair it: cheap, on the reader's goroutine
//	answer, err := dialect.Unpack(reply)
//	dialect.Meaning(codec.Balance, answer.Get(codec.FieldCode)) // Approved, Declined, InDoubt, Unmapped
//
// # Rooms below
//
//   - codec/iso: ISO 8583, on moov-io/iso8583; a dialect is a data file.
//   - codec/frame: length headers, so that messages can be told apart on a stream.
//
// # Secrets
//
// Account numbers ([PAN], [Account]), certificate and phone numbers ([CertNumber],
// [Phone]), and what nobody may read at all ([Secret]) are types of their own.
// They print masked under every verb of fmt, in JSON, in text and in logs; the
// clear value is had by Reveal alone, so that a search for "Reveal(" finds every
// place that handles one. A [Message] masks its [Fields] the same way; their clear
// values are had by Get, All and AppendClear. A struct that holds a secret by value
// in an unexported field must not be printed itself: fmt cannot call the methods of
// unexported fields.
//
// # Money and time
//
// An [Amount] is an integer number of fen. A [Stamp] is ISO 8583's F7,
// MMDDhhmmss; it is written in Asia/Shanghai time.
package codec
