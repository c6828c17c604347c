// Package partstest runs a part for a test.
package partstest
