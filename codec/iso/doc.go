// Package iso writes and reads ISO 8583 in the dialects of banks.
//
// A dialect is data: a YAML file. Two ship with the program. "cups" speaks as
// Chinese switches do (46-byte header, binary bitmap); "plain" has a length of
// four ASCII digits and a hexadecimal bitmap.
//
//	d, err := iso.Open("cups")              // or a path: iso.Open("banks/wlmq.yaml")
//	raw, err := d.Pack(message)             // unframed; d.Frame() frames it
//	head, err := d.Peek(raw)                // pair key, direction, type, RRN
//	message, err = d.Unpack(raw)            // strict; the error names field and rule
//	json.Marshal(iso.Describe(d, raw))      // masked, for people; also of broken messages
//
// Both ends use the same dialect: the switch packs requests and unpacks
// replies, a bank's adapter the other way round.
//
// # A bank's own file
//
// A bank's oddity is a line in a file that names a base. Mappings are merged
// key by key, anything else replaces what the base says, and null removes it:
//
//	name: wlmq
//	base: cups
//	types:
//	  balance: {code: "301000"}
//	fields:
//	  48: {tlv: {tags: {RT: null}}}     # does not want to know the time left
//	  57: {format: n..8, is: remaining}  # … or does, but there
//
// # Keys of a file
//
// A file has at most 64 KiB. Unknown keys, YAML's anchors and tags, and
// whatever contradicts itself are refused with file, line, column and reason.
//
//   - name: the dialect's name, for people. about: free text. base: cups or plain.
//   - frame: where the length stands: see [frame.Format]. encoding is ascii,
//     binary or bcd; idle skips empty frames.
//   - header: parts before the MTI, each of fixed format with a value (checked),
//     a fill (not checked), or neither: there stands the frame's length. reply
//     is what replies say in place of value; either is read.
//   - bitmap: binary or hex.
//   - pairing: which of stan, processing-code and sent name an exchange in
//     flight. stan must be one.
//   - cert-types: kinds of certificate, in the centre's words and the bank's.
//   - fields: the table, by number.
//   - types: how each transaction type is written. mti has request, reply and,
//     where repeats differ, repeat. code is the processing code, or original for
//     advices that carry their original's; network is the value of F70 instead,
//     which request and reply must then list.
//     request, reply and approved (an approved reply besides) list the fields
//     that must be there; 2|102 is one of them, and a name of codec's (sms-code)
//     what stands inside one. An advice about a type that names no account needs
//     none. Constants are written in the messages that list them. A change of
//     state needs the advice that settles it: authenticate reversal, deregister
//     completion; attach also needs a release. And its reply lists the fields of
//     RRN and sent, by which one that comes too late is known.
//   - codes: what F39 says, by type, then in the default block: approved,
//     declined, in-doubt or unmapped, which is also what a code says that is
//     named nowhere. What its own block does not say of completion is what all
//     types say that it completes.
//   - advices: what an answer to a reversal or a release says: done, not-found, retry or
//     park, which is also what a code says that is named nowhere.
//
// # Fields
//
// format is ISO 8583's notation: n6 is fixed, n..19 has two digits of length,
// ans...512 three. Classes are n, a, an, ans, z (track data), b (bytes) and gb
// (GB 18030 text; lengths count bytes). min bounds a variable length below; it
// is 1 if unset. Then one of:
//
//   - is: the field of codec that stands here. Every field stands in one place.
//     words beside it are the centre's words and the bank's: {in: C, out: D}.
//     FieldRemaining may stand in none. FieldText, as the summaries of rows, is cut
//     at whole characters; whatever else does not fit is refused.
//   - value or fill: a constant, which must also be read, or need not be.
//   - copy: a piece of a field (from its character number from on, counting
//     from 0): local time and date.
//   - parts: fixed parts one after another (F61, F90). pad: zeros fills a number
//     from the left.
//   - balances: F54's rows of account type (2 characters), balance type (2),
//     currency (3), C or D (below zero), and amount (12, fen); rows of other types,
//     and of another currency where one is named, are checked, and say nothing.
//   - rows: movements of fixed length, of time (14, YYYYMMDDhhmmss), direction (in,
//     out: a character each), amount (12, fen), C or D, balance (12, fen), and a
//     summary of so many bytes (F59).
//   - tlv: tags, each with a length in digits, after an optional usage (F48).
//     unknown: ignore allows tags that the file does not name.
//   - none of them: the field may come, is checked, and says nothing to us.
//
// # Strictness
//
// The library below (github.com/moov-io/iso8583) puts messages together, from
// values that are checked here. What is read is taken apart here as well, since
// it accepts signs in lengths, letters in numbers, bytes behind the last field
// and tags given twice; tests hold what is read against the library. Its errors
// hold raw values, so that none of its text leaves this package.
package iso
