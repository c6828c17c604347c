// Package notice tells followers what they must be told.
package notice
