// Package written is how amounts, distances and times are written for followers.
package written
