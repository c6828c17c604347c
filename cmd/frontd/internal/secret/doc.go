// Package secret is text that nothing prints: tokens, keys, passwords of the
// front's configuration.
package secret
