// Package partstest runs a part for a test, and takes what parts write and count.
package partstest
