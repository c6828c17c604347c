// Package program is what every program of the project begins with: it runs
// until it is done or told to stop, and says which build it is.
package program
