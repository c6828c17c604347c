// Package app is the demo: a world of one switch and two simulated banks, and a
// story told against it through the switch's own API. Every step checks what it
// shows; the first that is not so ends the demo with an error.
package app
