//go:build !(minor_28 || minor_29 || minor_30 || minor_31 || minor_32 || minor_33)

package main

import "github.com/spf13/pflag"

// addCustom does nothing: since 1.34 all flags are in the server's own sets.
func addCustom(*pflag.FlagSet) {}
