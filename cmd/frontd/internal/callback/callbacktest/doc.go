// Package callbacktest plays the platform for tests of the callback: it signs,
// encrypts and reads replies by code of its own, so that a mistake of the
// callback's does not answer itself.
package callbacktest
