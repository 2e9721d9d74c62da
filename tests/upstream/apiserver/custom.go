//go:build minor_28 || minor_29 || minor_30 || minor_31 || minor_32 || minor_33

package main

import (
	"github.com/spf13/pflag"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// addCustom adds flags that packages have registered in Go's own flag set.
func addCustom(flags *pflag.FlagSet) { options.AddCustomGlobalFlags(flags) }
