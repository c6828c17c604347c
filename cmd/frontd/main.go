// Command frontd is the thin WeChat front of the switch.
package main

import (
	"wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/program"
)

func main() { program.Main(app.Command()) }
