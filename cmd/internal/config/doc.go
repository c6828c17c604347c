// Package config reads the programs' YAML files strictly: an unknown key, a key
// twice, a wrong type, a key without a value, an anchor or a second document
// stops the start with file, line, column and the reason.
//
//	var c Config
//	f, err := config.Read("switchd.yaml", &c)
//	err = f.At("banks[0].links", "at least one")  // switchd.yaml:12:5: banks[0].links: at least one
package config
