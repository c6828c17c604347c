// Package app is the simulated banks as a program: configuration and wiring
// around package sim.
//
//	c, err := app.Load("banksim.yaml")
//	err = app.Run(ctx, c) // until ctx is done, then drains
package app
