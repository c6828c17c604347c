package secret

// Text is a secret. Every verb, JSON and log shows that it is one, and no more.
type Text string

const masked = "***"

// Reveal returns the secret.
func (t Text) Reveal() string { return string(t) }

// IsSet reports whether there is one.
func (t Text) IsSet() bool { return t != "" }

// String masks.
func (Text) String() string { return masked }

// GoString masks.
func (Text) GoString() string { return masked }

// MarshalText masks, in JSON too.
func (Text) MarshalText() ([]byte, error) { return []byte(masked), nil }
