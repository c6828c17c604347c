// Package crowdtest judges what a crowd of followers who chat at once was answered.
//
//	var answers crowdtest.Answers
//	answers.Note(took, busy)   // each, by any goroutine
//	answers.Judge(t)           // none late, few that ask to try later
package crowdtest
