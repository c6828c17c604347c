// Package iso writes and reads ISO 8583 in the dialects of banks.
package iso
