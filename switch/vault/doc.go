// Package vault keeps what must not be read at rest: it seals values (Tink,
// AES-256-GCM) and makes keyed indexes and hashes (HMAC-SHA-256).
//
//	err := vault.NewKeyFile("/etc/wxswitch/key.json") // once; keep a copy elsewhere
//	v, err := vault.Load("/etc/wxswitch/key.json")
//	sealed, err := v.Seal(plain, []byte("entry.asked 17")) // opens with the same context only
//	ix := v.Index("account", number)                       // to find equal values by
//	h := v.Hash("body", body)                              // to compare by
//
// Every sealed value begins with the id of its key (Tink's prefix, five bytes),
// so that keys can be rotated: Rotate adds a key that seals from then on, and
// the older ones still open. The key of indexes and hashes is never rotated,
// since what it made is compared with what it makes.
//
// Indexes and hashes are keyed because the plain hash of a card number or of a
// six-digit code is found by trying them all. They are made by crypto/hmac with
// kept states (0.3 µs for an account number), not by a Tink PRF, which derives
// its state anew for each value (1.3 µs). Index and Hash have keys of their own,
// derived from the file's MAC key.
//
// Who loses the key file loses every sealed value. It must be readable by its
// owner alone (mode 0600), or it is refused; so is one that is damaged, which its
// checksum tells, since a wrong MAC key would work and find nothing.
//
// After a rotation all processes that share the file must be restarted: those
// that were not answer ErrKey for what is sealed with the new key.
package vault
