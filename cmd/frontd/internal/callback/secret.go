package callback

// Secret is a token or a key. Nothing prints it but a conversion to string.
type Secret string

const masked = "***"

// String masks.
func (Secret) String() string { return masked }

// GoString masks.
func (Secret) GoString() string { return masked }

// MarshalText masks, in JSON too.
func (Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }
