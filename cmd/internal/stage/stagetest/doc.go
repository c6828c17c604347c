// Package stagetest runs a stage for a test.
//
//	s := stagetest.Start(t, stage.Options{}) // up, and stopped at the test's end
package stagetest
