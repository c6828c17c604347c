// Package app is the demo: the whole product in one process, with a phone in the
// browser (package stage); or a world of one switch and two simulated banks, and a
// story told against it through the switch's own API. Every step of the story
// checks what it shows; the first that is not so ends the demo with an error.
//
//	err := app.Run(ctx, app.Config{Out: os.Stdout, Story: true}) // stays until ctx is done; with Once it ends
package app
