// Package frame tells messages apart on a byte stream by their length header.
//
// It is ours because the headers that libraries offer accept a negative length
// and allocate what a peer announces: here a length outside the format's limits
// is an error before anything is read or allocated.
//
//	f := frame.Format{Prefix: 4, Size: 4, Adjust: 4, Max: 4096} // 4 ASCII digits, not counting themselves
//	out, err := f.Append(nil, message)                          // "0123" + message
//	r := frame.NewReader(conn, f)
//	message, err = r.Next()
//
// A [Format] has no defaults: a dialect file states it, and [Format.Validate]
// refuses one that cannot work.
package frame
