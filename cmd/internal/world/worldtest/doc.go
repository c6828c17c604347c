// Package worldtest runs a world for a test.
//
//	w := worldtest.Start(t, world.Options{}) // up, and stopped at the test's end
package worldtest
